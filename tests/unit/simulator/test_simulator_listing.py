"""Lists of calls and conferences: pages, filters and invalid queries."""

from __future__ import annotations

import pytest


def sids(page):
    return [one["sid"] for one in page.get("calls", page.get("conferences"))]


def follow(api, uri):
    response = api.get(api.server.url + uri)
    assert response.status_code == 200, response.text
    return response.json()


def found(api, path="/Calls", **query):
    response = api.get(path, params=query)
    assert response.status_code == 200, response.text
    return sids(response.json())


def test_pages_list_calls_newest_first(api, simulator):
    newest_first = [call["sid"] for call in simulator.seed(count=7)][::-1]
    first = api.get("/Calls", params={"PageSize": 3}).json()
    assert (first["page"], first["page_size"], sids(first)) == (0, 3, newest_first[:3])
    assert first["previous_page_uri"] is None
    assert first["next_page_uri"].startswith(f"/api/laml/2010-04-01/Accounts/{simulator.project}/Calls?")
    assert "PageToken=PA" in first["next_page_uri"]
    assert "PageToken" not in first["first_page_uri"]
    second = follow(api, first["next_page_uri"])
    third = follow(api, second["next_page_uri"])
    assert (sids(second), sids(third)) == (newest_first[3:6], newest_first[6:])
    assert third["next_page_uri"] is None
    assert third["uri"] == second["next_page_uri"]
    assert sids(follow(api, third["first_page_uri"])) == newest_first[:3]


def test_page_tokens_stay_valid_while_calls_change(api, simulator):
    newest_first = [call["sid"] for call in simulator.seed(count=6)][::-1]
    first = api.get("/Calls", params={"PageSize": 2}).json()
    simulator.seed(count=5)
    simulator.state.end_call(newest_first[1])
    api.delete(f"/Calls/{newest_first[1]}")
    second = follow(api, first["next_page_uri"])
    assert sids(second) == newest_first[2:4]
    third = follow(api, second["next_page_uri"])
    assert sids(third) == newest_first[4:]
    assert follow(api, third["previous_page_uri"])["page"] == 1


def test_page_size_is_50_by_default_and_1000_at_most(api, simulator):
    simulator.seed(count=1001)
    page = api.get("/Calls").json()
    assert (len(page["calls"]), page["page_size"]) == (50, 50)
    assert len(found(api, PageSize=1000)) == 1000


def test_order_is_that_of_creation(api, simulator):
    ages = {age: simulator.seed(age_seconds=age)[0]["sid"] for age in (50, 10, 90, 0)}
    assert found(api) == [ages[0], ages[10], ages[50], ages[90]]


@pytest.mark.parametrize(("kind", "name"), [("calls", "to"), ("conferences", "friendly_name")])
def test_next_page_has_the_same_filters(api, simulator, kind, name):
    seed = simulator.seed if kind == "calls" else simulator.seed_conferences
    wanted = [one["sid"] for one in seed(count=3, **{name: "+49 30/1&2"})]
    seed(count=3)
    query = {name.title().replace("_", ""): "+49 30/1&2", "Status": "in-progress", "PageSize": 2}
    page = api.get(f"/{kind.title()}", params=query).json()
    assert sids(page) == wanted[:0:-1]
    assert sids(follow(api, page["next_page_uri"])) == wanted[:1]


def test_conferences_are_filtered_by_status_and_time(api, simulator):
    simulator.seed_conferences()
    [ended] = (one["sid"] for one in simulator.seed_conferences(status="completed", age_seconds=3600))
    assert found(api, "/Conferences", Status="completed") == [ended]
    assert found(api, "/Conferences", **{"DateCreated<": "2023-11-14T22:00:00"}) == [ended]
    assert len(found(api, "/Conferences", DateUpdated="2023-11-14T22:13:20")) == 2
    record = api.get(f"/Conferences/{ended}").json()
    assert record["date_created"] == "Tue, 14 Nov 2023 21:13:20 +0000"
    assert api.get("/Conferences").json()["conferences"][1] == record
    assert (record["api_version"], record["region"]) == ("2010-04-01", "us1")


def test_filter_selects_calls_by_value(api, simulator):
    [ringing] = [call["sid"] for call in simulator.seed(status="ringing", from_="+1")]
    [busy] = [call["sid"] for call in simulator.seed(status="busy", parent_call_sid=ringing)]
    assert found(api, Status="ringing") == [ringing]
    assert found(api, Status="busy") == [busy]
    assert found(api, From="+1") == [ringing]
    assert found(api, ParentCallSid=ringing) == [busy]
    assert found(api, Unknown="x", To="") == [busy, ringing]


@pytest.mark.parametrize(
    ("name", "value", "matching"),
    [
        ("StartTime", "Tue, 14 Nov 2023 22:13:20 +0000", {"now"}),
        ("StartTime", "Tue, 14 Nov 2023 23:13:20 +0100", {"now"}),
        ("StartTime", "Tue, 14 Nov 2023 22:13:20 -0000", {"now"}),
        ("StartTime", "2023-11-14T22:13:20Z", {"now"}),
        ("StartTime", "2023-11-14T23:13:20.9+01:00", {"now"}),
        ("StartTime<", "2023-11-14T22:13:20", {"yesterday"}),
        ("StartTime", "2023-11-13", {"yesterday"}),
        ("StartTime<", "Tue, 14 Nov 2023 22:13:20 +0000", {"yesterday"}),
        ("StartTime<", "Tue, 14 Nov 2023 22:13:21 +0000", {"yesterday", "now"}),
        ("StartTime<", "2023-11-14", {"yesterday"}),
        ("StartTime>", "Mon, 13 Nov 2023 22:13:19 GMT", {"yesterday", "now"}),
        ("StartTime>", "Mon, 13 Nov 2023 22:13:20 GMT", {"now"}),
        ("StartTime>", "2023-11-14", {"now"}),
        ("EndTime", "2023-11-14", {"yesterday"}),
        ("EndTime<", "2023-11-14", set()),
        ("EndTime>", "2023-11-13", {"yesterday"}),
    ],
)
def test_filter_selects_calls_by_time(api, simulator, name, value, matching):
    calls = {
        "queued": simulator.seed(status="queued")[0]["sid"],
        "now": simulator.seed()[0]["sid"],
        "yesterday": simulator.seed(status="completed", age_seconds=86_400)[0]["sid"],
    }
    assert set(found(api, **{name: value})) == {calls[key] for key in matching}


@pytest.mark.parametrize("name", ["StartTime", "StartTime<", "EndTime>"])
@pytest.mark.parametrize(
    "value", ["yesterday", "2023-02-30", "2023-11-14T25:00:00Z", "Fri, 99 Jan 10000 03:04:35 GMT", "9" * 99]
)
def test_invalid_time_is_refused(api, name, value):
    response = api.get("/Calls", params={name: value})
    assert (response.status_code, response.json()["code"]) == (422, 10000)
    assert name in response.json()["message"]


@pytest.mark.parametrize(
    "query",
    [
        {"PageSize": "0"},
        {"PageSize": "1001"},
        {"PageSize": "many"},
        {"Page": "-1"},
        {"Page": "99999999999"},
        {"PageToken": "XX1.0-1"},
        {"PageToken": "PA1.0"},
        {"PageToken": "PAnan-1"},
        {"PageToken": "PA1.0-" + "9" * 5000},
    ],
)
def test_invalid_page_is_refused(api, query):
    response = api.get("/Calls", params=query)
    assert (response.status_code, response.json()["code"]) == (400, 10000)
