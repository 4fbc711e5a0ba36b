"""Each endpoint, asked through either transport, does what it is for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from airflow_provider_signalwire import __version__
from airflow_provider_signalwire.client.policy.steps import send
from airflow_provider_signalwire.client.protocol import calling, endpoints
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError

STREAM_KEYS = {"sid", "account_sid", "call_sid", "name", "status", "date_updated", "uri"}
URL = "wss://media.example.com/audio?key=1"


def fetch(request):
    """Send a request and return its record."""
    return (yield from send(request)).record


def test_the_project_is_read(run, simulator):
    assert run(fetch(endpoints.get_account(simulator.project)))["sid"] == simulator.project


def test_a_call_is_created_with_its_options(run, simulator):
    call = run(
        fetch(
            endpoints.create_call(
                simulator.project,
                to="+15550100001",
                from_="+15550100002",
                url="https://example.com/answer.xml?a=1&b=2",
                status_callback_event=["initiated", "answered"],
                timeout=20,
                record=True,
                caller_id=None,
            )
        )
    )
    assert call["status"] == "queued"
    [request] = simulator.requests()
    assert request["form"] == {
        "To": "+15550100001",
        "From": "+15550100002",
        "Url": "https://example.com/answer.xml?a=1&b=2",
        "StatusCallbackEvent": ["initiated", "answered"],
        "Timeout": "20",
        "Record": "true",
    }


def test_a_command_of_the_calling_api_is_sent_as_json(run, simulator):
    [call] = simulator.seed_native_calls()
    params = {"control_id": "control", "url": URL, "custom_parameters": {"who": "Zoë", "depth": [1, None]}}
    assert run(fetch(calling.calling_command("calling.stream", call["sid"], params)))["id"] == call["sid"]
    assert [stream["sid"] for stream in simulator.state.snapshot()["streams"]] == ["control"]
    stop = calling.stop_calling_stream(call["sid"], "control")
    assert run(fetch(stop))["status"] == "answered"


def test_a_call_is_read(run, target):
    call = run(fetch(endpoints.get_call(*target[:2])))
    assert (call["sid"], call["status"]) == (target.call_sid, "in-progress")


def test_a_call_is_hung_up(run, target):
    assert run(fetch(endpoints.update_call(*target[:2], status="completed")))["status"] == "completed"


def test_a_calls_record_is_deleted(run, simulator):
    [call] = simulator.seed(status="completed")
    assert run(fetch(endpoints.delete_call(simulator.project, call["sid"]))) is None
    assert simulator.state.snapshot()["calls"] == []


def test_calls_are_listed_by_every_filter(run, simulator):
    simulator.seed(count=2, age_seconds=60)
    plan = {"to": "+15550100009", "from_": "sip:a+b@example.com", "parent_call_sid": "CA 1"}
    [wanted] = simulator.seed(status="completed", age_seconds=600, **plan)
    now = datetime.now(UTC)
    page = run(
        fetch(
            endpoints.list_calls(
                simulator.project,
                **plan,
                status="completed",
                started_before=now - timedelta(seconds=300),
                started_after=(now - timedelta(seconds=900)).astimezone(timezone(timedelta(hours=5))),
                ended_before=now + timedelta(seconds=60),
                ended_after="Mon, 01 Jan 2024 00:00:00 GMT",
            )
        )
    )
    assert [call["sid"] for call in page.entries] == [wanted["sid"]]


@pytest.mark.parametrize(("moment", "found"), [("started_before", 0), ("started_after", 1)])
def test_a_filter_by_time_has_the_right_direction(run, simulator, moment, found):
    simulator.seed(age_seconds=60)
    at = datetime.now(UTC) - timedelta(seconds=120)
    page = run(fetch(endpoints.list_calls(simulator.project, **{moment: at})))
    assert len(page.entries) == found


def test_a_recording_is_started_and_updated(run, simulator, target):
    recording = run(fetch(endpoints.start_call_recording(*target[:2], recording_channels="dual")))
    paused = endpoints.update_call_recording(*target[:2], recording["sid"], status="paused", pause_behavior="skip")
    assert run(fetch(paused))["status"] == "paused"
    assert [request["form"] for request in simulator.requests()] == [
        {"RecordingChannels": "dual"},
        {"Status": "paused", "PauseBehavior": "skip"},
    ]


def test_a_recording_is_started_without_options(run, target):
    assert run(fetch(endpoints.start_call_recording(*target[:2])))["status"] == "in-progress"


def test_a_stream_is_started_with_every_option(run, simulator, target):
    record = run(
        fetch(
            endpoints.start_call_stream(
                *target[:2],
                url=URL,
                name="quality #2 & Café",
                track="inbound_track",
                status_callback="https://example.com/events?a=1&b=2",
                status_callback_method="GET",
                parameters={"language": "de", "greeting & co": "línea 1\nlínea 2 + 3 = 100 %"},
                authorization_bearer_token="bearer-secret",
            )
        )
    )
    assert set(record) == STREAM_KEYS
    assert record["name"] == "quality #2 & Café"
    [request] = simulator.requests()
    assert request["form"] == {
        "Url": URL,
        "Name": "quality #2 & Café",
        "Track": "inbound_track",
        "StatusCallback": "https://example.com/events?a=1&b=2",
        "StatusCallbackMethod": "GET",
        "Parameter1.Name": "language",
        "Parameter1.Value": "de",
        "Parameter2.Name": "greeting & co",
        "Parameter2.Value": "línea 1\nlínea 2 + 3 = 100 %",
        "AuthorizationBearerToken": "redacted",
    }


def test_99_parameters_arrive_and_100_are_refused(run, simulator, target):
    parameters = {f"name {number}": f"value {number}" for number in range(1, 100)}
    run(fetch(endpoints.start_call_stream(*target[:2], url=URL, name="many", parameters=parameters)))
    [request] = simulator.requests()
    assert request["form"]["Parameter99.Name"] == "name 99"
    assert request["form"]["Parameter99.Value"] == "value 99"
    with pytest.raises(SignalWireConfigurationError, match=r"'parameters' has 100 entries: expected at most 99"):
        endpoints.start_call_stream(*target[:2], url=URL, name="many", parameters=parameters | {"one": "more"})


@pytest.mark.parametrize("by", ["stream_sid", "stream_name"])
def test_a_stream_is_stopped_by_sid_and_by_name(run, simulator, target, by):
    record = run(fetch(endpoints.stop_call_stream(*target[:2], getattr(target, by))))
    assert set(record) == STREAM_KEYS
    assert (record["sid"], record["status"]) == (target.stream_sid, "stopped")
    [request] = simulator.requests()
    assert (request["method"], request["form"]) == ("POST", {"Status": "stopped"})


def test_an_answers_unknown_keys_pass_through(run, simulator, target):
    simulator.set_faults([{"kind": "patch", "set": {"api_version": "2010-04-01", "new": {"a": [1]}}}])
    record = run(fetch(endpoints.stop_call_stream(*target.ids)))
    assert record["new"] == {"a": [1]}
    assert set(record) == STREAM_KEYS | {"api_version", "new"}


def test_a_request_says_who_asks_and_for_what(run, settings, stub):
    run(fetch(endpoints.stop_call_stream("project", "call", "stream")), origin=stub.origin)
    [(_, _, headers)] = stub.received
    assert headers["User-Agent"] == f"airflow-provider-signalwire/{__version__}"
    assert headers["Authorization"] == settings.authorization
    assert headers["Accept"] == "application/json"
    assert headers["Accept-Encoding"] == "identity"
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
