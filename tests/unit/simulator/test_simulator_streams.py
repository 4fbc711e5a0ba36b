"""Streams of calls and of conferences: starting them, stopping them, and the end of what they belong to."""

from __future__ import annotations

from urllib.parse import quote

import pytest

URL = "wss://media.example.com/stream"


class Parent:
    """A call or a conference, with requests for its streams."""

    def __init__(self, api, kind, **plan):
        self.api, self.kind = api, kind
        seed = api.server.seed if kind == "call" else api.server.seed_conferences
        self.sid = seed(**plan)[0]["sid"]
        self.path = f"/{kind.title()}s/{self.sid}"

    def start(self, **fields):
        return self.api.post(f"{self.path}/Streams", data={"Url": URL} | fields)

    def stop(self, sid_or_name):
        return self.api.post(f"{self.path}/Streams/{sid_or_name}", data={"Status": "stopped"})

    def assert_refused(self, response, code, problem):
        """The 422 of a conference's stream lists texts; that of a call's has a code."""
        record = response.json()
        assert response.status_code == 422, response.text
        assert self.kind == "conference" or record["code"] == code
        assert problem in (record["errors"][0] if self.kind == "conference" else record["message"])


@pytest.fixture(params=["call", "conference"])
def parent(api, request):
    return Parent(api, request.param)


def test_stream_starts_and_stops_after_the_delay(simulator, clock, parent):
    record = parent.start().json()
    sid = record["sid"]
    assert record == {
        "sid": sid,
        "account_sid": simulator.project,
        f"{parent.kind}_sid": parent.sid,
        "name": "" if parent.kind == "call" else None,
        "status": "queued",
        "date_updated": "Tue, 14 Nov 2023 22:13:20 +0000",
        "uri": f"/api/laml/2010-04-01/Accounts/{simulator.project}{parent.path}/Streams/{sid}.json",
    }
    [stream] = simulator.state.snapshot()["streams"]
    assert stream["status"] == "in-progress"
    clock.advance(60)
    stopping = parent.stop(sid).json()
    assert stopping == record | {"date_updated": "Tue, 14 Nov 2023 22:14:20 +0000"}
    clock.advance(0.4)
    assert parent.stop(sid).json() == stopping
    clock.advance(0.1)
    assert parent.stop(sid).json()["status"] == "stopped", "a second stop must not restart the delay"


@pytest.mark.parametrize("name", ["plain", "with space", "with/slash", "grüße-流", "a%2Fb", "q?x=1&y=#z", "dot.json.x"])
def test_stream_can_be_stopped_by_name(parent, name):
    sid = parent.start(Name=name).json()["sid"]
    response = parent.stop(quote(name, safe="") + ".json")
    assert response.status_code == 200, response.text
    assert (response.json()["sid"], response.json()["name"]) == (sid, name)


def test_name_is_in_use_until_its_stream_has_stopped(clock, parent):
    first = parent.start(Name="only").json()["sid"]
    for _ in range(2):
        parent.assert_refused(parent.start(Name="only"), 10000, f"in use by a running stream of this {parent.kind}")
        assert parent.stop("only").json()["sid"] == first
    clock.advance(0.5)
    second = parent.start(Name="only").json()["sid"]
    assert parent.stop("only").json()["sid"] == second != first
    clock.advance(0.5)
    stopped = parent.stop("only").json()
    assert (stopped["sid"], stopped["status"]) == (second, "stopped")


def test_streams_end_with_their_parent(simulator, clock, parent):
    stopped, stopping, running = (parent.start(Name=name).json()["sid"] for name in "abc")
    parent.stop(stopped)
    clock.advance(1)
    parent.stop(stopping)
    clock.advance(0.3)
    simulator.state.end_call(parent.sid)
    clock.advance(60)
    state = simulator.state.snapshot()
    assert {stream["status"] for stream in state["streams"]} == {"stopped"}
    dates = {stream["sid"]: stream["date_updated"] for stream in state["streams"]}
    ended = "Tue, 14 Nov 2023 22:13:21 +0000"
    assert dates == {stopped: "Tue, 14 Nov 2023 22:13:20 +0000", stopping: ended, running: ended}
    assert state["counts"]["running_streams"] == 0
    parent.assert_refused(parent.stop(running), 21220, "has ended")
    assert parent.api.get(parent.path).json()["status"] == "completed"


@pytest.mark.parametrize(
    ("kind", "status"),
    [*(("call", status) for status in ("queued", "ringing", "no-answer")), ("conference", "completed")],
)
def test_stream_starts_only_while_its_parent_is_in_progress(api, kind, status):
    parent = Parent(api, kind, status=status)
    parent.assert_refused(parent.start(), 21220, f"The {kind} is {status}, not in-progress")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"Url": ""}, 10000),
        ({"Url": "ws://media.example.com"}, 31922),
        ({"Url": "wss://"}, 31922),
        ({"Track": "all_tracks"}, 10000),
        ({"StatusCallbackMethod": "PUT"}, 10000),
        ({"StatusCallback": "nowhere"}, 10000),
        ({"Parameter0.Name": "a"}, 10000),
        ({"Parameter100.Name": "a"}, 10000),
        ({"Parameter1.Value": "a"}, 10000),
    ],
)
def test_invalid_field_is_refused(simulator, parent, fields, code):
    parent.assert_refused(parent.start(**fields), code, next(iter(fields)))
    assert simulator.state.snapshot()["streams"] == []


@pytest.mark.parametrize("fields", [{"StreamCodec": "OPUS"}, {"StreamRealTime": "yes"}])
def test_invalid_field_of_a_conferences_stream_is_refused(api, fields):
    parent = Parent(api, "conference")
    parent.assert_refused(parent.start(**fields), None, next(iter(fields)))


def test_state_shows_the_options_of_a_stream_but_no_secret(api, simulator):
    fields = {
        "Url": f"{URL}?key=hidden",
        "Track": "inbound_track",
        "Parameter1.Name": "FirstName",
        "Parameter1.Value": "Jane",
        "Parameter99.Name": "Empty",
        "AuthorizationBearerToken": "very-secret",
    }
    call = Parent(api, "call")
    sid = call.start(**fields).json()["sid"]
    assert simulator.state.snapshot()["streams"] == [
        {
            "call_sid": call.sid,
            "sid": sid,
            "name": "",
            "status": "in-progress",
            "date_updated": "Tue, 14 Nov 2023 22:13:20 +0000",
            "url": URL,
            "track": "inbound_track",
            "parameters": {"FirstName": "Jane", "Empty": ""},
            "authorization_bearer_token": "redacted",
        }
    ]
    log = str(simulator.requests())
    assert "very-secret" not in log
    assert "'AuthorizationBearerToken': 'redacted'" in log
    call.start(Url=URL)
    assert simulator.state.snapshot()["streams"][1]["authorization_bearer_token"] is None
