"""RESULTS.md and chart.svg, written from the stored figures."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.chart import chart
from benchmarks.results import Figure, Row, load

FOLDER = Path(__file__).resolve().parent
_PACKAGES = (
    "apache-airflow",
    "apache-airflow-providers-http",
    "signalwire-sdk",
    "aiohttp",
    "requests",
    "tenacity",
    "uvicorn",
)


def write_report(names: Sequence[str]) -> None:
    """Write the report and the chart of all stored figures."""
    figures = {name: load(name) for name in names}
    (FOLDER / "RESULTS.md").write_text("\n".join(_lines(figures)) + "\n")
    measured = [figure for figure in figures.values() if figure is not None and figure.bars]
    (FOLDER / "chart.svg").write_text(chart(measured))
    print("==> benchmarks/RESULTS.md, benchmarks/chart.svg")


def _lines(figures: dict[str, Figure | None]) -> Iterator[str]:
    yield "# Benchmark results"
    yield ""
    yield "Written by `make bench`; `make bench FIGURES=NAME` measures one figure again and keeps the others. Each line"
    yield "compares values of one run, on one machine, against the simulator in a process of its own."
    yield ""
    yield f"- Machine: {_machine()}"
    yield f"- Versions: Python {platform.python_version()}, " + ", ".join(
        f"{name} {version(name)}" for name in _PACKAGES
    )
    yield "- Simulator and client share the machine's cores; loads are averages of a minute, before and after."
    yield ""
    yield "![Chart of the figures](chart.svg)"
    yield ""
    yield "| what | this provider | peer, same run | ratio | target | |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for figure in figures.values():
        if figure is not None:
            yield from map(_table_line, figure.rows)
    yield from _section("Missed", _missed(figures))
    yield from _section("How it was measured", _notes(figures))


def _section(title: str, lines: Iterator[str]) -> Iterator[str]:
    content = list(lines)
    if content:
        yield from ("", f"## {title}", "", *content)


def _table_line(row: Row) -> str:
    outcome = "" if row.met is None else "met" if row.met else "**missed**"
    return f"| {row.what} | {row.ours} | {row.peer} | {row.ratio} | {row.target} | {outcome} |"


def _missed(figures: dict[str, Figure | None]) -> Iterator[str]:
    for name, figure in figures.items():
        if figure is None:
            yield f"- `{name}` was not measured."
        elif any(row.met is False for row in figure.rows):
            rows = (row for row in figure.rows if row.met is False)
            missed = "; ".join(f"{row.what} ({row.ours if row.ratio == '-' else row.ratio})" for row in rows)
            yield f"- `{name}`: {missed}."


def _notes(figures: dict[str, Figure | None]) -> Iterator[str]:
    for name, figure in figures.items():
        if figure is not None:
            before, after = figure.loads
            yield f"- `{name}`, {figure.measured_at}, load {before:.1f} to {after:.1f}. {' '.join(figure.notes)}"


def _machine() -> str:
    cores = os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return f"{cores} cores ({_processor()}), {memory:.0f} GB, {platform.system()} {platform.release()}"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
