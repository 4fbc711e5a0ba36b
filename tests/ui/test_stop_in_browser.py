"""Stop a stream with the trigger form of the example DAG, and read the record in XCom."""

from __future__ import annotations

from airflow_pages import ConnectionsPage, DagPage, screenshot
from local_airflow import StandaloneAirflow
from playwright.sync_api import Page, expect

from airflow_provider_signalwire.simulator.server import SimulatorServer


def test_trigger_form_stops_stream(
    page: Page, airflow: StandaloneAirflow, no_connections: None, fields: dict[str, str], simulator: SimulatorServer
) -> None:
    simulator.reset(stop_delay_ms=500)
    call = simulator.seed(streams=[{"name": "caller-audio"}])[0]
    stream = call["streams"][0]
    ConnectionsPage(page, airflow.url).add("signalwire_default", fields)

    dag = DagPage(page, airflow.url, "stop_call_stream")
    form = dag.open_trigger_form({"call_sid": call["sid"], "stream_sid": stream["sid"]})
    screenshot(page, "ui-trigger-form")
    form.get_by_role("button", name="Trigger").click()
    dag.open_task_of_new_run("stop_call_stream")
    xcom = dag.open_xcom()

    expect(xcom).to_contain_text("return_value")
    expect(xcom).to_contain_text(stream["sid"])
    expect(xcom).to_contain_text('"status": "stopped"')
    screenshot(page, "ui-xcom")
    stops = [request for request in simulator.requests(f"/Streams/{stream['sid']}") if request["method"] == "POST"]
    assert len(stops) > 1, "the first stop returns 'queued', so the task must poll"
