"""A horizontal bar chart in SVG for light and dark pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

WIDTH = 760
_LABEL_WIDTH = 250
_BAR_WIDTH = WIDTH - _LABEL_WIDTH - 110
_BAR_HEIGHT, _BAR_STEP = 18, 26
_TITLE_HEIGHT, _GAP = 30, 18

_STYLE = """\
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
  .title { font-weight: 600; }
  .bar { fill: #8c959f; }
  .ours { fill: #0969da; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .bar { fill: #6e7681; }
    .ours { fill: #4493f8; }
  }"""


Bars = Mapping[str, tuple[float, str]]


def chart(panels: Mapping[str, Bars]) -> str:
    """Draw a panel for each title, each with its own scale. A bar has a length and a label."""
    drawn: list[str] = []
    y = 0
    for title, bars in panels.items():
        drawn += _panel(title, bars, y)
        y += _TITLE_HEIGHT + _BAR_STEP * len(bars) + _GAP
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}" role="img">',
        "<title>Benchmark results: this provider in blue, its peers in grey</title>",
        f"<style>\n{_STYLE}\n</style>",
        *drawn,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _panel(title: str, bars: Bars, y: int) -> Iterator[str]:
    yield f'<text class="title" x="4" y="{y + 19}">{escape(title)}</text>'
    longest = max(length for length, _ in bars.values())
    for number, (label, (length, text)) in enumerate(bars.items()):
        yield from _bar(label, length / longest, text, y + _TITLE_HEIGHT + number * _BAR_STEP)


def _bar(label: str, share: float, text: str, y: int) -> Iterator[str]:
    # Keep short bars visible.
    width = max(1.0, share * _BAR_WIDTH)
    css = "bar ours" if label.startswith("provider") else "bar"
    yield f'<text x="{_LABEL_WIDTH}" y="{y + 14}" text-anchor="end">{escape(label)}</text>'
    yield f'<rect class="{css}" x="{_LABEL_WIDTH + 10}" y="{y}" width="{width:.1f}" height="{_BAR_HEIGHT}" rx="2"/>'
    yield f'<text x="{_LABEL_WIDTH + 18 + width:.1f}" y="{y + 14}">{escape(text)}</text>'
