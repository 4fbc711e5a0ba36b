"""Conferences, and what only their streams have."""

from __future__ import annotations

import pytest

URL = "wss://media.example.com/stream"


@pytest.fixture
def conference_sid(simulator):
    return simulator.seed_conferences()[0]["sid"]


def start(api, conference_sid, **fields):
    return api.post(f"/Conferences/{conference_sid}/Streams", data={"Url": URL} | fields)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"StreamCodec": "OPUS"}, "StreamCodec"),
        ({"StreamRealTime": "yes"}, "StreamRealTime"),
    ],
)
def test_refused_start_lists_texts(api, conference_sid, fields, problem):
    response = start(api, conference_sid, **fields)
    assert response.status_code == 422
    [text] = response.json()["errors"]
    assert problem in text


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
