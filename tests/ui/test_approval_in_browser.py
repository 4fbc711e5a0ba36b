"""The example DAG approved_stream_cleanup: reject or approve the list of streams in Airflow's UI."""

from __future__ import annotations

from airflow_pages import ConnectionsPage, DagPage, RequiredActionsPage, screenshot
from local_airflow import StandaloneAirflow
from playwright.sync_api import Page, expect
from simulated import running

from airflow_provider_signalwire.simulator.server import SimulatorServer

NAME = "call_stream_lifecycle.start_call_stream"


def test_approval_stops_only_listed_streams(
    page: Page, airflow: StandaloneAirflow, no_connections: None, fields: dict[str, str], simulator: SimulatorServer
) -> None:
    # Only the first call is old enough for the search by name. The stream on the third call is in the journal.
    old, young, journaled = simulator.seed(
        calls=[
            {"age_seconds": 5 * 3600, "streams": [{"name": NAME}]},
            {"age_seconds": 60, "streams": [{"name": NAME}]},
            {"age_seconds": 60},
        ]
    )
    by_name, not_listed = (call["streams"][0]["sid"] for call in (old, young))
    ConnectionsPage(page, airflow.url).add("signalwire_default", fields)
    start = DagPage(page, airflow.url, "forgotten_stream")
    start.trigger({"call_sid": journaled["sid"]})
    start.wait_for_run(Success=1)
    (by_journal,) = set(running(simulator)) - {by_name, not_listed}
    required_actions = RequiredActionsPage(page, airflow.url)
    cleanup = DagPage(page, airflow.url, "approved_stream_cleanup")

    cleanup.trigger({})
    run_page = page.url
    cleanup.wait_for_approval_request(airflow.log)
    listed = required_actions.open("Stop 2 streams?")
    expect(listed.get_by_role("row")).to_have_count(3)
    first, second = (listed.get_by_role("row").nth(number).get_by_role("cell") for number in (1, 2))
    expect(first.nth(0)).to_have_text(f"transcriber ({by_journal})")
    expect(first.nth(1)).to_contain_text("0:0")
    expect(first.nth(2)).to_contain_text("forgotten_stream, start, manual__")
    expect(first.nth(2)).to_contain_text("(success)")
    expect(second).to_have_text([f"{NAME}, if it is running", "unknown", "unknown", old["sid"]])
    screenshot(page, "ui-approval")
    required_actions.respond("Reject")
    page.goto(run_page)
    cleanup.wait_for_run(Success=3, Skipped=1)
    assert set(running(simulator)) == {by_name, not_listed, by_journal}

    cleanup.trigger({})
    run_page = page.url
    cleanup.wait_for_approval_request(airflow.log)
    required_actions.open("Stop 2 streams?")
    (later,) = simulator.seed(age_seconds=5 * 3600, streams=[{"name": NAME}])
    required_actions.respond("Approve")
    page.goto(run_page)
    cleanup.wait_for_run(Success=4)
    assert set(running(simulator)) == {not_listed, later["streams"][0]["sid"]}
