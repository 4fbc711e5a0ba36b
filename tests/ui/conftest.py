"""Fixtures for ``make test-ui``: a real Airflow and a real browser."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_signalwire.simulator.server import SimulatorServer

UI_TESTS = Path(__file__).resolve().parent
PROJECT_DIR = UI_TESTS.parent.parent
AIRFLOW_HOME = PROJECT_DIR / ".build" / "test-ui"
WAIT_MS = 60_000  # long enough for a busy machine
CHROMIUM = "/usr/bin/chromium"
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

sys.path.insert(0, str(PROJECT_DIR / "scripts"))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Collect this folder only if it is named on the command line: it needs Playwright and a browser."""
    named = [Path(argument.split("::")[0]).resolve() for argument in config.args]
    return None if any(path.is_relative_to(UI_TESTS) for path in named) else True


@pytest.fixture(scope="session")
def airflow() -> Iterator[Any]:
    """``airflow standalone`` with the example and test DAGs, without connections."""
    from local_airflow import LocalAirflow, free_port

    dags = AIRFLOW_HOME / "dags"
    settings = {
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        # A scheduled cleanup would stop the tests' streams.
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
    }
    airflow = LocalAirflow(AIRFLOW_HOME, "airflow.log", **settings)
    for folder in (PROJECT_DIR / "example_dags", UI_TESTS / "dags"):
        shutil.copytree(folder, dags, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    with airflow.standalone(free_port(0), dag_ids=[path.stem for path in dags.glob("*.py")]) as running:
        yield running


@pytest.fixture
def no_connections(airflow: Any) -> Iterator[None]:
    """Delete all connections after the test."""
    yield
    for connection in airflow.call_api("GET", "connections")["connections"]:
        airflow.call_api("DELETE", f"connections/{connection['connection_id']}")


@pytest.fixture
def fields(simulator: SimulatorServer) -> dict[str, str]:
    """The values of the form for a valid connection."""
    return {
        "Space": f"http://{simulator.host}",
        "Port": str(simulator.port),
        "Project ID": simulator.project,
        "API token": simulator.token,
    }


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Debian's Chromium, headless, with an empty profile."""
    from airflow_pages import SCREENSHOTS
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=WAIT_MS)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for old in SCREENSHOTS.glob("*.png"):
        old.unlink()
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("chromium-profile"),
            executable_path=CHROMIUM,
            headless=True,
            args=CHROMIUM_FLAGS,
            viewport={"width": 1200, "height": 900},
        )
        context.set_default_timeout(WAIT_MS)
        yield context
        context.close()


@pytest.fixture
def page(browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A new tab; takes a screenshot if the test fails."""
    from airflow_pages import screenshot

    page = browser.new_page()
    yield page
    if request.node.stash.get(FAILED, False):
        screenshot(page, f"failed-{request.node.name}")
    page.close()


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Store the test's result for its fixtures."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report
