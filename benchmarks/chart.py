"""A chart of horizontal bars as SVG, readable on light and dark pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from benchmarks.results import Bar, Figure

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


def chart(figures: Sequence[Figure]) -> str:
    """Draw a panel for each figure, each with its own scale."""
    panels: list[str] = []
    y = 0
    for figure in figures:
        panels += _panel(figure, y)
        y += _TITLE_HEIGHT + _BAR_STEP * len(figure.bars) + _GAP
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}" role="img">',
        "<title>Benchmark results: this provider in blue, its peers in grey</title>",
        f"<style>\n{_STYLE}\n</style>",
        *panels,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _panel(figure: Figure, y: int) -> Iterator[str]:
    yield f'<text class="title" x="4" y="{y + 19}">{escape(figure.chart_title)}</text>'
    longest = max(bar.value for bar in figure.bars)
    for number, bar in enumerate(figure.bars):
        yield from _bar(bar, y + _TITLE_HEIGHT + number * _BAR_STEP, longest)


def _bar(bar: Bar, y: int, longest: float) -> Iterator[str]:
    # A bar too short to be seen would look like a missing one.
    width = max(1.0, bar.value / longest * _BAR_WIDTH)
    css = "bar ours" if bar.is_ours else "bar"
    yield f'<text x="{_LABEL_WIDTH}" y="{y + 14}" text-anchor="end">{escape(bar.label)}</text>'
    yield f'<rect class="{css}" x="{_LABEL_WIDTH + 10}" y="{y}" width="{width:.1f}" height="{_BAR_HEIGHT}" rx="2"/>'
    yield f'<text x="{_LABEL_WIDTH + 18 + width:.1f}" y="{y + 14}">{escape(bar.text)}</text>'
