"""Conferences and their streams, which behave as calls and theirs do."""

from __future__ import annotations

import pytest

URL = "wss://media.example.com/stream"


@pytest.fixture
def conference_sid(simulator):
    return simulator.seed_conferences()[0]["sid"]


def start(api, conference_sid, **fields):
    return api.post(f"/Conferences/{conference_sid}/Streams", data={"Url": URL} | fields)


def stop(api, conference_sid, sid_or_name):
    return api.post(f"/Conferences/{conference_sid}/Streams/{sid_or_name}", data={"Status": "stopped"})


def test_conference_stream_starts_and_stops_when_the_delay_has_passed(api, simulator, clock, conference_sid):
    started = start(api, conference_sid, StreamCodec="L16@24000h", StreamRealTime="true").json()
    sid = started["sid"]
    assert started == {
        "sid": sid,
        "account_sid": simulator.project,
        "conference_sid": conference_sid,
        "name": None,
        "status": "queued",
        "date_updated": "Tue, 14 Nov 2023 22:13:20 +0000",
        "uri": f"/api/laml/2010-04-01/Accounts/{simulator.project}/Conferences/{conference_sid}/Streams/{sid}.json",
    }
    assert simulator.state.snapshot()["counts"]["running_streams"] == 1
    assert stop(api, conference_sid, sid).json()["status"] == "queued"
    clock.advance(0.5)
    assert stop(api, conference_sid, sid).json()["status"] == "stopped"
    assert simulator.state.snapshot()["counts"]["running_streams"] == 0


def test_conference_stream_can_be_stopped_by_name(api, conference_sid):
    sid = start(api, conference_sid, Name="bot").json()["sid"]
    assert stop(api, conference_sid, "bot").json()["sid"] == sid


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"StreamCodec": "OPUS"}, "StreamCodec"),
        ({"StreamRealTime": "yes"}, "StreamRealTime"),
        ({"Url": "ws://media.example.com"}, "wss://"),
        ({"Name": "taken"}, "already in use by a running stream of this conference"),
    ],
)
def test_refused_start_lists_texts(api, conference_sid, fields, problem):
    start(api, conference_sid, Name="taken")
    response = start(api, conference_sid, **fields)
    assert response.status_code == 422
    [text] = response.json()["errors"]
    assert problem in text


@pytest.mark.parametrize("status", ["init", "completed"])
def test_no_stream_starts_on_a_conference_that_is_not_in_progress(api, simulator, status):
    [conference] = simulator.seed_conferences(status=status)
    response = start(api, conference["sid"])
    assert (response.status_code, status in response.json()["errors"][0]) == (422, True)


def test_conference_that_ends_takes_its_streams_along(api, simulator, conference_sid):
    sid = start(api, conference_sid).json()["sid"]
    simulator.state.end_call(conference_sid)
    assert [stream["status"] for stream in simulator.state.snapshot()["streams"]] == ["stopped"]
    assert api.get(f"/Conferences/{conference_sid}").json()["status"] == "completed"
    assert stop(api, conference_sid, sid).status_code == 422


def test_conferences_are_listed_by_filter_and_page(api, simulator):
    sids = [one["sid"] for one in simulator.seed_conferences(count=3, friendly_name="room")]
    simulator.seed_conferences(status="completed", age_seconds=3600)
    page = api.get("/Conferences", params={"FriendlyName": "room", "PageSize": "2"}).json()
    assert [one["sid"] for one in page["conferences"]] == sids[:0:-1]
    rest = api.get(api.server.url + page["next_page_uri"]).json()
    assert [one["sid"] for one in rest["conferences"]] == sids[:1]
    [ended] = api.get("/Conferences", params={"Status": "completed"}).json()["conferences"]
    assert ended["date_created"] == "Tue, 14 Nov 2023 21:13:20 +0000"
    [same] = api.get("/Conferences", params={"DateCreated<": "2023-11-14T22:00:00"}).json()["conferences"]
    assert same == ended == api.get(f"/Conferences/{ended['sid']}").json()


def test_calls_and_conferences_are_kept_apart(api, call_sid, conference_sid):
    assert api.get(f"/Calls/{conference_sid}").status_code == 404
    assert start(api, call_sid).status_code == 404
    assert [call["sid"] for call in api.get("/Calls").json()["calls"]] == [call_sid]


@pytest.mark.parametrize("fault", [{"kind": "status", "status": 503}, {"kind": "status", "status": 422}])
def test_faults_affect_conference_streams(api, simulator, conference_sid, fault):
    simulator.set_faults([{**fault, "match": {"path_contains": "/Conferences/"}}])
    response = start(api, conference_sid)
    assert response.status_code == fault["status"]
    assert ("errors" in response.json()) is (fault["status"] == 422)
    [request] = simulator.requests("/Conferences/")
    assert (request["form"], request["fault"]) == ({"Url": URL}, "status")
