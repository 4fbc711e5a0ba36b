"""A listing goes through its pages one by one, as far as it is read, and never to another host."""

from __future__ import annotations

import pytest

from airflow_provider_signalwire.client.flows.stop import CallPager
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.exceptions import SignalWireResponseError


@pytest.fixture
def seeded(simulator):
    """Five calls, in the order in which they are listed."""
    calls = [sid for number in range(5) for sid in simulator.seed(age_seconds=100 - number)]
    return [call["sid"] for call in reversed(calls)]


@pytest.fixture
def listing(transport, simulator):
    def list_(*, limit=None, take=None, page_size=2, **filters):
        first = endpoints.list_calls(simulator.project, page_size=page_size, **filters)
        return transport.calls(CallPager(first=first, limit=limit), take=take)

    return list_


def pages_fetched(simulator):
    return len(simulator.requests())


def test_every_page_is_read(listing, simulator, seeded):
    assert listing() == seeded
    assert pages_fetched(simulator) == 3


def test_the_next_page_is_followed_as_given(listing, simulator, seeded):
    listing(to="+15550100001")
    first, second, third = (request["query"] for request in simulator.requests())
    assert "PageToken" not in first
    assert "PageToken=PA" in second
    assert second != third
    assert all("To=%2B15550100001" in query for query in (first, second, third))


@pytest.mark.parametrize(
    ("limit", "found", "pages"),
    [(None, 5, 3), (0, 0, 0), (1, 1, 1), (2, 2, 1), (3, 3, 2), (4, 4, 2), (5, 5, 3), (9, 5, 3)],
)
def test_a_limit_is_kept_and_saves_pages(listing, simulator, seeded, limit, found, pages):
    assert listing(limit=limit) == seeded[:found]
    assert pages_fetched(simulator) == pages


def test_pages_are_fetched_when_they_are_needed(listing, simulator, seeded):
    assert listing(take=2) == seeded[:2]
    assert pages_fetched(simulator) == 1


def test_no_calls_are_no_error(listing, simulator):
    assert listing() == []
    assert pages_fetched(simulator) == 1


def test_a_page_that_names_itself_ends_the_listing(listing, simulator, seeded):
    uri = f"/api/laml/2010-04-01/Accounts/{simulator.project}/Calls?Page=1&PageSize=2"
    simulator.set_faults([{"kind": "patch", "set": {"next_page_uri": uri}, "times": 4}])
    assert len(listing()) == 4
    assert pages_fetched(simulator) == 2


@pytest.mark.parametrize("query", ["PageToken=a%2Fb%3Ac%40d%2Be", "PageToken=~'(x)!*", "PageToken=a%3D%26&Page=1"])
def test_a_page_token_is_sent_back_byte_by_byte(listing, simulator, query):
    uri = f"/api/laml/2010-04-01/Accounts/{simulator.project}/Calls?{query}"
    simulator.set_faults(
        [
            {"kind": "json", "body": {"calls": [], "next_page_uri": uri}},
            {"kind": "json", "body": {"calls": [], "next_page_uri": None}},
        ]
    )
    listing()
    assert simulator.requests()[1]["query"] == query


@pytest.mark.parametrize(
    "uri",
    [
        "http://{elsewhere}/api/laml/2010-04-01/Accounts/A/Calls",
        "https://{elsewhere}/api/laml/x",
        "//{elsewhere}/api/laml/x",
        "/\\{elsewhere}/api/laml/x",
        "/api/laml/\\..\\{elsewhere}",
        "@{elsewhere}/api/laml/x",
        "/other/api/laml/x",
        "api/laml/x",
        "/api/laml/\r\nHost: {elsewhere}",
        "/api/laml/x?PageToken=a b",
        "/api/laml/x?PageToken=é",
        "",
        5,
        ["/api/laml/x"],
    ],
)
def test_a_next_page_elsewhere_is_refused(transport, simulator, elsewhere, clock, uri):
    if isinstance(uri, str):
        uri = uri.format(elsewhere=f"127.0.0.1:{elsewhere.getsockname()[1]}")
    simulator.set_faults([{"kind": "patch", "set": {"next_page_uri": uri}, "times": None}])
    with pytest.raises(SignalWireResponseError, match="names a next page that is not a path below /api/laml/"):
        transport.calls(CallPager(first=endpoints.list_calls(simulator.project)))
    assert {request["path"] for request in simulator.requests()} == {
        f"/api/laml/2010-04-01/Accounts/{simulator.project}/Calls"
    }
    with pytest.raises(BlockingIOError):
        elsewhere.accept()
