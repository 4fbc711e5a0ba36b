"""Generate RESULTS.md, chart.svg and the figures in the docs from results.json."""

from __future__ import annotations

import re
from collections.abc import Iterator
from statistics import median
from typing import Any

from benchmarks.chart import chart
from benchmarks.results import FOLDER, PROJECT_DIR, load, medians
from benchmarks.targets import fastest_threads, values

# The key and the unit of the medians in the second table.
_KEYS = {
    "stop_10000": ("seconds", "s"),
    "stop_60000": ("seconds", "s"),
    "dag_runs": ("seconds", "s"),
    "one_stop": ("cpu", "s of CPU time"),
    "memory": ("peak_mb", "MB"),
    "journal": ("seconds_per_1000", "s per 1,000 events"),
    "sensors": ("cpu_ms_per_poll", "ms of CPU time per poll"),
    "triggers": ("lag_p99_ms", "ms of lag"),
    "imports": ("ms", "ms"),
}
_DOCS_PAGE = PROJECT_DIR / "docs" / "guides" / "many.md"
_BLOCK = re.compile(r"(<!-- figures -->\n).*?(<!-- end of figures -->)", re.DOTALL)


def write_report() -> None:
    """Write all files that are generated from the samples."""
    for path, text in outputs(load()).items():
        path.write_text(text)


def outputs(figures: dict[str, Any]) -> dict[Any, str]:
    """Return the text of each file that is generated from the samples."""
    page = _BLOCK.sub(lambda block: block[1] + _sentence(figures) + block[2], _DOCS_PAGE.read_text())
    return {
        FOLDER / "RESULTS.md": "\n".join(_lines(figures)) + "\n",
        FOLDER / "chart.svg": chart(_bars(figures)),
        _DOCS_PAGE: page,
    }


def _lines(figures: dict[str, Any]) -> Iterator[str]:
    yield "# Benchmark results"
    yield ""
    yield "`make bench` generates this page from the samples in `results.json`. Everything runs on one machine"
    yield "against the project's simulator, never against the live service. Values are medians; a ratio is the median"
    yield "of the ratios of consecutive runs."
    yield ""
    yield "![Chart of the figures](chart.svg)"
    yield ""
    yield "| Figure | Compared | Value | Target | |"
    yield "| --- | --- | --- | --- | --- |"
    for target, value, met in values(figures):
        yield f"| {target.figure} | {target.description} | {value} | {target.bound_text} | {met} |"
    yield ""
    yield "## Medians of each series"
    yield ""
    yield "| Figure | Series | Median | Range |"
    yield "| --- | --- | --- | --- |"
    for name, figure in figures.items():
        yield from _series(name, figure)
    yield ""
    yield "## Conditions"
    yield ""
    yield "| Figure | Date | Commit | Load average at the end |"
    yield "| --- | --- | --- | --- |"
    for name, figure in figures.items():
        yield f"| {name} | {figure['date']} | {figure['commit']} | {figure['load_average']} |"
    yield ""
    for conditions in dict.fromkeys(_conditions(figure) for figure in figures.values()):
        yield f"- {conditions}"


def _series(name: str, figure: dict[str, Any]) -> Iterator[str]:
    key, unit = _KEYS[name]
    for series, runs in figure["samples"].items():
        sizes = sorted(run[key] for run in runs)
        yield f"| {name} | {series} | {median(sizes):,.2f} {unit} | {sizes[0]:,.2f} to {sizes[-1]:,.2f} |"


def _conditions(figure: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in figure["versions"].items())
    return f"{figure['machine']}; {versions}."


def _bars(figures: dict[str, Any]) -> dict[str, dict[str, tuple[float, str]]]:
    """Return the panels of the chart by title, with the length and label of each bar."""
    titles = {
        "stop_10000": "Seconds to stop 10,000 streams, 50 ms latency",
        "sensors": "CPU milliseconds per poll of a deferred sensor",
        "imports": "Import in a DAG file, milliseconds after airflow.sdk",
    }
    panels = {}
    for name, title in titles.items():
        if name in figures:
            sizes = medians(figures[name]["samples"], _KEYS[name][0])
            panels[title] = {series: (size, f"{size:,.2f}") for series, size in sizes.items()}
    return panels


def _sentence(figures: dict[str, Any]) -> str:
    if "stop_10000" not in figures:
        return ""
    samples = figures["stop_10000"]["samples"]
    times, best = medians(samples, "seconds"), fastest_threads(samples)
    return (
        f"Measured against the simulator with 50 ms latency: 10,000 stops take {times['provider']:.1f} s in one task, "
        f"{times['aiohttp']:.1f} s with bare aiohttp\nand {times[best]:.1f} s with {best.rsplit(' ', 1)[1]} threads of "
        "requests. [All figures](https://github.com/airflow-provider-signalwire/airflow-provider-signalwire/blob/main/"
        "benchmarks/RESULTS.md)\n"
    )
