"""The hook's methods, each against a simulator: what they send and return."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import pytest

from airflow_provider_signalwire.exceptions import (
    SignalWireAuthenticationError,
    SignalWireConfigurationError,
    SignalWireNotFoundError,
)
from airflow_provider_signalwire.hooks.signalwire import SignalWireHook
from airflow_provider_signalwire.simulator.compatibility import endpoints


@pytest.fixture
def hook(connection):
    return SignalWireHook()


@pytest.fixture
def call_sid(simulator):
    [call] = simulator.seed(streams=[{"name": "media"}])
    return call["sid"]


def last_form(simulator):
    return simulator.requests()[-1]["form"]


def test_stops_a_stream_by_name(simulator, hook, call_sid):
    record = hook.stop_call_stream(call_sid, "media")

    assert record == endpoints.stop_stream(simulator.state, simulator.project, call_sid, "media", {"Status": "stopped"})
    assert last_form(simulator) == {"Status": "stopped"}


def test_starts_a_stream(simulator, hook, call_sid):
    options = {
        "track": "outbound_track",
        "status_callback": "https://example.com/callback",
        "status_callback_method": "POST",
        "parameters": {"a": "b"},
        "authorization_bearer_token": "bot-secret",
    }
    record = hook.start_call_stream(call_sid, "wss://media.example.com", name="second", **options)

    assert (record["name"], record["call_sid"]) == ("second", call_sid)
    assert last_form(simulator) == {
        "Url": "wss://media.example.com",
        "Name": "second",
        "Track": "outbound_track",
        "StatusCallback": "https://example.com/callback",
        "StatusCallbackMethod": "POST",
        "Parameter1.Name": "a",
        "Parameter1.Value": "b",
        "AuthorizationBearerToken": "redacted",  # by the simulator
    }


def test_creates_reads_changes_and_deletes_a_call(simulator, hook):
    created = hook.create_call("+15550100001", "+15550100002", url="https://example.com/laml", record=True)
    assert created["status"] == "queued"
    assert last_form(simulator)["Record"] == "true"

    assert hook.get_call(created["sid"])["to"] == "+15550100001"
    assert hook.update_call(created["sid"], status="completed")["status"] == "completed"
    assert hook.delete_call(created["sid"]) is None
    with pytest.raises(SignalWireNotFoundError):
        hook.get_call(created["sid"])


def test_starts_and_stops_a_recording(hook, call_sid):
    recording = hook.start_call_recording(call_sid, recording_channels="dual")
    assert recording["call_sid"] == call_sid

    paused = hook.update_call_recording(call_sid, recording["sid"], status="paused", pause_behavior="silence")
    assert paused["status"] == "paused"
    assert hook.update_call_recording(call_sid, recording["sid"], status="stopped")["sid"] == recording["sid"]


def test_reads_the_project(simulator, hook):
    assert hook.get_account()["sid"] == simulator.project


def test_listing_calls_begins_when_they_are_needed_and_ends_at_the_limit(simulator, hook):
    simulator.seed(count=5)
    calls = hook.list_calls(page_size=2, limit=3)
    assert simulator.requests() == []
    assert len(list(calls)) == 3
    assert len(simulator.requests()) == 2
    assert len(list(hook.list_calls(limit=4))) == 4
    assert simulator.requests()[-1]["query"] == "PageSize=4"
    assert list(hook.list_calls(limit=0)) == []
    for page_size in ("10", None, 1.5, [10]):
        with pytest.raises(SignalWireConfigurationError, match="'page_size' is"):
            hook.list_calls(page_size=page_size, limit=5)


def test_listing_calls_filters(simulator, hook):
    [old] = simulator.seed(age_seconds=7200, to="+15550100009")
    simulator.seed(status="ringing")
    simulator.seed()

    found = hook.list_calls(
        status="in-progress", to="+15550100009", started_before=datetime.now(UTC) - timedelta(hours=1)
    )

    assert [call["sid"] for call in found] == [old["sid"]]


def test_every_filter_is_sent(simulator, hook):
    time = "2026-01-31T00:00:00Z"
    times = dict.fromkeys(("started_before", "started_after", "ended_before", "ended_after"), time)
    list(
        hook.list_calls(status="completed", to="+15550100009", from_="+15550100008", parent_call_sid="parent", **times)
    )
    names = {name for name, _ in parse_qsl(simulator.requests()[-1]["query"])}
    assert names == {
        *("Status", "To", "From", "ParentCallSid", "PageSize"),
        *("StartTime<", "StartTime>", "EndTime<", "EndTime>"),
    }

    dates = dict.fromkeys(("created_before", "created_after", "updated_before", "updated_after"), "2026-01-31")
    list(hook.list_conferences(status="completed", friendly_name="room", **dates))
    names = {name for name, _ in parse_qsl(simulator.requests()[-1]["query"])}
    assert names == {
        *("Status", "FriendlyName", "PageSize"),
        *("DateCreated<", "DateCreated>", "DateUpdated<", "DateUpdated>"),
    }


@pytest.fixture
def conference_sid(simulator):
    [conference] = simulator.seed_conferences(streams=[{"name": "media"}])
    return conference["sid"]


def test_starts_and_stops_a_stream_of_a_conference(simulator, hook, conference_sid):
    started = hook.start_conference_stream(
        conference_sid, "wss://media.example.com", name="second", codec="PCMA", real_time=True
    )
    assert (started["conference_sid"], started["name"]) == (conference_sid, "second")
    form = last_form(simulator)
    assert (form["StreamCodec"], form["StreamRealTime"]) == ("PCMA", "true")

    assert hook.stop_conference_stream(conference_sid, "second")["sid"] == started["sid"]
    with pytest.raises(SignalWireNotFoundError, match="The conference is 'in-progress'"):
        hook.stop_conference_stream(conference_sid, "gone")


def test_stop_on_an_ended_conference_returns_a_derived_record(simulator, hook, conference_sid):
    simulator.state.end_call(conference_sid)

    record = hook.stop_conference_stream(conference_sid, "media")

    assert (record["sid"], record["name"], record["status"]) == ("media", None, "stopped")
    assert record["date_updated"] == hook.get_conference(conference_sid)["date_updated"]
    assert record["uri"].endswith(f"/Conferences/{conference_sid}/Streams/media.json")


def test_lists_conferences_by_filter_and_page(simulator, hook):
    [old] = simulator.seed_conferences(age_seconds=3 * 24 * 3600, friendly_name="room")
    simulator.seed_conferences(count=3, friendly_name="room")
    simulator.seed_conferences(friendly_name="other")
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date()

    found = hook.list_conferences(status="in-progress", friendly_name="room", created_before=yesterday)
    assert [conference["sid"] for conference in found] == [old["sid"]]
    before = len(simulator.requests())
    assert len(list(hook.list_conferences(friendly_name="room", page_size=2))) == 4
    assert len(simulator.requests()) == before + 2
    assert len(list(hook.list_conferences(limit=3))) == 3


def test_calling_command_returns_the_call(hook, simulator):
    [call] = simulator.seed_native_calls()
    params = {"control_id": "control", "url": "wss://media.example.com"}
    assert hook.calling_command("calling.stream", call["sid"], params)["id"] == call["sid"]
    assert hook.calling_command("calling.stream.stop", call["sid"], {"control_id": "control"})["status"] == "answered"


@pytest.mark.parametrize(
    "use",
    [
        lambda hook: hook.get_conference("None"),
        lambda hook: hook.list_conferences(page_size=1001),
        lambda hook: hook.list_conferences(created_before="yesterday"),
        lambda hook: hook.list_conferences(created_before=datetime.now(UTC)),
        lambda hook: hook.stop_call_stream("call", ".."),
        lambda hook: hook.start_call_stream("call", "wss://media.example.com", name=""),
        lambda hook: hook.create_call("+15550100001", "+15550100002", urll="https://example.com"),
        lambda hook: hook.update_call("call"),
    ],
)
def test_invalid_argument_is_refused_before_any_request(simulator, hook, use):
    with pytest.raises(SignalWireConfigurationError):
        use(hook)
    assert simulator.requests() == []


def test_acts_in_a_subproject(make_subproject):
    server, subproject, connection = make_subproject
    [call] = server.seed(account_sid=subproject, streams=[{"name": "media"}])
    hook = SignalWireHook(connection, account_sid=subproject)

    assert hook.account_sid == subproject
    assert hook.stop_call_stream(call["sid"], "media")["account_sid"] == subproject
    assert [listed["sid"] for listed in hook.list_calls()] == [call["sid"]]
    assert hook.test_connection()[0] is True
    with pytest.raises(SignalWireNotFoundError):
        SignalWireHook(connection).get_call(call["sid"])
    with pytest.raises(SignalWireAuthenticationError):
        SignalWireHook(connection, account_sid="of-somebody-else").get_call(call["sid"])
