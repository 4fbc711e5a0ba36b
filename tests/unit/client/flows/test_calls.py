"""Listing calls page by page, and writes that may find their work done by an earlier attempt."""

from __future__ import annotations

import logging

import pytest
from scripted import call, lost, response, run

from airflow_provider_signalwire.client.flows.calls import delete_call, update_call, update_call_recording
from airflow_provider_signalwire.client.flows.pages import RecordPager
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.exceptions import (
    SignalWireError,
    SignalWireNotFoundError,
    SignalWireRequestError,
    SignalWireResponseError,
)

NOT_FOUND = response(404)
FIRST = "/api/laml/2010-04-01/Accounts/project/Calls?PageSize=1000"
SECOND = "/api/laml/x?PageToken=a%2Fb%3Ac%40d%2Be~'(x)!*"


def page(*sids, then=None):
    entries = [{"sid": sid, "status": "queued"} if isinstance(sid, str) else sid for sid in sids]
    return response(200, {"calls": entries, "next_page_uri": then})


def list_all(*script, limit=None):
    """Read a list to its end; return the SIDs on each page."""

    def flow():
        pager = RecordPager(first=endpoints.list_calls("project"), limit=limit)
        pages = []
        while not pager.exhausted:
            pages.append([entry["sid"] for entry in (yield from pager.next_page())])
        assert (yield from pager.next_page()) == []
        return pages

    return run(flow(), *script)


class TestCallPager:
    def test_next_page_is_requested_byte_by_byte(self):
        outcome = list_all(page("a", "b", then=SECOND), page("c"))
        assert outcome.result == [["a", "b"], ["c"]]
        assert [request.target for request in outcome.requests] == [FIRST, SECOND]

    def test_address_of_the_next_page_is_encoded_where_the_transports_would_differ(self):
        raw, encoded = '/api/laml/x?StartTime>=1&a=%2Fb%&c="[{|}]^`<', "/api/laml/x?StartTime%3E=1&a=%2Fb%25&c="
        outcome = list_all(page("a", then=raw), page("b", then=raw))
        assert outcome.requests[1].target == encoded + "%22%5B%7B%7C%7D%5D%5E%60%3C"
        assert "the pages repeat" in str(outcome.expect(SignalWireResponseError))

    def test_later_pages_mask_the_short_numbers_of_the_filters(self):
        def flow():
            pager = RecordPager(first=endpoints.list_calls("project", to="4711", from_="sip:a@x.example"))
            while not pager.exhausted:
                yield from pager.next_page()

        quote = response(400, {"message": "To 4711 and From sip:a@x.example are not valid."})
        for script in ([quote], [page(then=SECOND), quote], [page(then=SECOND), page(then=f"{SECOND}3"), quote]):
            assert "To *** and From *** are not valid" in str(run(flow(), *script).error)

    def test_empty_list(self):
        assert list_all(page()).result == [[]]

    @pytest.mark.parametrize(
        ("limit", "pages"),
        [(0, []), (1, [["a"]]), (2, [["a", "b"]]), (3, [["a", "b"], ["c"]]), (9, [["a", "b"], ["c"]])],
    )
    def test_limit_is_kept_and_saves_pages(self, limit, pages):
        script = [page("a", "b", then=SECOND), page("c", *["d"] * (limit == 3))][: len(pages)]
        assert list_all(*script, limit=limit).result == pages

    @pytest.mark.parametrize("script", [[page("a", then=FIRST)], [page("a", then=SECOND), page("b", then=SECOND)]])
    def test_page_that_names_an_earlier_one_as_the_next_is_an_error(self, script):
        error = list_all(*script).expect(SignalWireResponseError)
        assert "the pages repeat" in str(error)

    def test_entry_that_is_not_a_call_is_skipped_with_a_warning(self, caplog):
        odd = [{"sid": "odd"}, {"sid": "large", "status": "queued", "n": 2**64}, 5, None, {"sid": {"a": "b"}}]
        with caplog.at_level(logging.WARNING):
            assert list_all(page("a", *odd, "b")).result == [["a", "b"]]
        assert len(caplog.messages) == len(odd)
        assert caplog.messages[0].startswith("Skipped call 'odd' in the list: the entry is not a call record: 'status'")


def hang_up():
    return update_call("project", "call", status="completed")


def stop_recording():
    return update_call_recording("project", "call", "recording", status="stopped")


class TestWriteWithoutAnUnknownOutcome:
    @pytest.mark.parametrize("flow", [lambda: delete_call("project", "call"), hang_up, stop_recording])
    @pytest.mark.parametrize("before", [[], [response(429)]])
    def test_not_found_is_raised(self, flow, before):
        run(flow(), *before, NOT_FOUND).expect(SignalWireNotFoundError)

    @pytest.mark.parametrize("flow", [hang_up, stop_recording])
    def test_refusal_is_raised(self, flow):
        run(flow(), response(422)).expect(SignalWireRequestError)


@pytest.mark.parametrize("first", [lost(), response(503)])
class TestWriteAfterAnUnknownOutcome:
    def test_deletion_that_finds_nothing_succeeds(self, first, caplog):
        caplog.set_level(logging.INFO)
        assert run(delete_call("project", "call"), first, NOT_FOUND).error is None
        assert "Call 'call' is already deleted, by an earlier attempt." in caplog.text

    @pytest.mark.parametrize("refusal", [response(422, {"code": 10000}), response(400), NOT_FOUND])
    def test_hang_up_of_an_ended_call_returns_the_call(self, first, refusal):
        assert run(hang_up(), first, refusal, call("completed")).result["status"] == "completed"

    def test_hang_up_that_is_refused_on_a_live_call_fails(self, first):
        error = run(hang_up(), first, response(422), call("in-progress")).expect(SignalWireRequestError)
        assert str(error).startswith("Could not update call 'call': ")

    @pytest.mark.parametrize("status", [400, 404, 409, 422])
    def test_recording_that_is_stopped_already_returns_a_record(self, first, status):
        assert run(stop_recording(), first, response(status)).result == {
            "sid": "recording",
            "account_sid": "project",
            "call_sid": "call",
            "status": "stopped",
        }

    def test_refusal_to_pause_a_recording_is_raised(self, first):
        flow = update_call_recording("project", "call", "recording", status="paused", pause_behavior="skip")
        outcome = run(flow, first, response(422))
        outcome.expect(SignalWireRequestError)
        assert [request.body for request in outcome.requests] == [b"Status=paused&PauseBehavior=skip"] * 2

    def test_new_instructions_are_not_sent_again(self, first):
        outcome = run(update_call("project", "call", status="completed", url="https://x"), first)
        assert isinstance(outcome.error, SignalWireError)
        assert len(outcome.requests) == 1


def test_success_returns_the_record():
    assert run(hang_up(), call("completed")).result["status"] == "completed"
    assert run(stop_recording(), response(200, {"sid": "r", "status": "stopped"})).result["sid"] == "r"
    assert run(delete_call("project", "call"), response(204)).result is None
