"""Fixtures for ``make test-ui``: a real Airflow and a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow_pages import SCREENSHOTS, screenshot
from local_airflow import LocalAirflow, StandaloneAirflow, free_port
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from airflow_provider_signalwire.simulator.server import SimulatorServer

UI_TESTS = Path(__file__).resolve().parent
PROJECT_DIR = UI_TESTS.parent.parent
AIRFLOW_HOME = PROJECT_DIR / ".build" / "test-ui"
WAIT_MS = 60_000  # long enough for a busy machine
CHROMIUM = "/usr/bin/chromium"


@pytest.fixture(scope="session")
def airflow() -> Iterator[StandaloneAirflow]:
    """``airflow standalone`` with the example and test DAGs, without connections."""
    dags = AIRFLOW_HOME / "dags"
    settings = {
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        # A scheduled cleanup would stop the tests' streams.
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
    }
    airflow = LocalAirflow(AIRFLOW_HOME, "airflow.log", **settings)
    for folder in (PROJECT_DIR / "example_dags", UI_TESTS / "dags"):
        shutil.copytree(folder, dags, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    with airflow.standalone(free_port(), dag_ids=[path.stem for path in dags.glob("*.py")]) as running:
        yield running


@pytest.fixture
def no_connections(airflow: StandaloneAirflow) -> Iterator[None]:
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
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """Debian's Chromium, headless, with an empty profile."""
    expect.set_options(timeout=WAIT_MS)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for old in SCREENSHOTS.glob("*.png"):
        old.unlink()
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("chromium-profile"),
            executable_path=CHROMIUM,
            headless=True,
            args=["--no-sandbox", "--disable-gpu"],
            viewport={"width": 1200, "height": 900},
        )
        context.set_default_timeout(WAIT_MS)
        yield context
        context.close()


@pytest.fixture
def page(browser: BrowserContext, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A new tab; takes a screenshot if the test fails."""
    failed_before = request.session.testsfailed
    page = browser.new_page()
    yield page
    if request.session.testsfailed > failed_before:
        screenshot(page, f"failed-{request.node.name}")
    page.close()
