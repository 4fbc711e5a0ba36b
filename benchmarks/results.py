"""The result of a figure, and where it is stored until the report is written."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

BUILD_DIR = Path(__file__).resolve().parent.parent / ".build" / "bench"
RESULTS_DIR = BUILD_DIR / "results"


@dataclass(kw_only=True)
class Row:
    """A line of the table.

    :param what: What was measured.
    :param ours: What this provider did.
    :param peer: What the peer of the same run did, named.
    :param ratio: How the two compare.
    :param target: What was to be reached.
    :param met: Whether it was; None where there is no target.
    """

    what: str
    ours: str
    peer: str = "-"
    ratio: str = "-"
    target: str = "-"
    met: bool | None = None


@dataclass(kw_only=True)
class Bar:
    """A bar of the chart.

    :param label: Whose it is.
    :param value: Its length.
    :param text: Its value as it is written beside it.
    """

    label: str
    value: float
    text: str
    is_ours: bool = False


@dataclass(kw_only=True)
class Figure:
    """All that one module measured.

    :param chart_title: Title of its panel in the chart, if it has bars.
    :param notes: What a reader has to know to trust the numbers.
    :param loads: The machine's load average before and after.
    """

    rows: list[Row]
    notes: list[str] = field(default_factory=list)
    chart_title: str = ""
    bars: list[Bar] = field(default_factory=list)
    measured_at: str = ""
    loads: tuple[float, float] = (0.0, 0.0)


def save(name: str, figure: Figure) -> None:
    """Keep what a figure found."""
    RESULTS_DIR.mkdir(parents=True, exist_ok=True)
    (RESULTS_DIR / f"{name}.json").write_text(json.dumps(asdict(figure), indent=1))


def load(name: str) -> Figure | None:
    """Return what a figure found when it last ran; None if it never did."""
    path = RESULTS_DIR / f"{name}.json"
    if not path.exists():
        return None
    kept = json.loads(path.read_text())
    rows, bars = [Row(**row) for row in kept.pop("rows")], [Bar(**bar) for bar in kept.pop("bars")]
    return Figure(rows=rows, bars=bars, **{**kept, "loads": tuple(kept["loads"])})


def now() -> str:
    """Return the present time as the report writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
