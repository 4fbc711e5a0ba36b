"""The file with all samples, from which the report, the chart and the figures in the docs are generated."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from scripts.code_hash import code_hash

FOLDER = Path(__file__).resolve().parent
PROJECT_DIR = FOLDER.parent
BUILD_DIR = PROJECT_DIR / ".build" / "bench"
RESULTS_FILE = FOLDER / "results.json"

Samples = dict[str, list[dict[str, float]]]

_PACKAGES = ("apache-airflow", "apache-airflow-providers-http", "signalwire-sdk", "aiohttp", "requests", "uvicorn")


def load() -> dict[str, Any]:
    """Return all figures by name."""
    figures: dict[str, Any] = json.loads(RESULTS_FILE.read_text()) if RESULTS_FILE.exists() else {}
    return figures


def save(name: str, modules: tuple[str, ...], samples: Samples) -> None:
    """Replace a figure's samples."""
    figure = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _git("rev-parse", "--short", "HEAD"),
        "code": code_hash(*modules),
        "machine": _machine(),
        "load_average": round(os.getloadavg()[0], 1),
        "versions": {"python": platform.python_version(), **{package: version(package) for package in _PACKAGES}},
        "samples": samples,
    }
    RESULTS_FILE.write_text(json.dumps({**load(), name: figure}, indent=1, sort_keys=True) + "\n")


def medians(samples: Samples, key: str) -> dict[str, float]:
    """Return the median of each series."""
    return {name: median(run[key] for run in runs) for name, runs in samples.items()}


def ratio(samples: Samples, key: str, ours: str, peer: str) -> float:
    """Return the median of the ratios of consecutive runs."""
    return median(a[key] / b[key] for a, b in zip(samples[ours], samples[peer], strict=True))


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(PROJECT_DIR), *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    processor = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "?")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return f"{os.cpu_count()} cores ({processor}), {memory:.0f} GB, {platform.system()} {platform.release()}"
