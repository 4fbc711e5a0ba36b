"""From any response to a record or a SignalWireError, and to what they say."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from airflow_provider_signalwire.client.protocol import endpoints, responses
from airflow_provider_signalwire.client.protocol.http import HttpResponse
from airflow_provider_signalwire.exceptions import (
    SignalWireAuthenticationError,
    SignalWireError,
    SignalWireNotFoundError,
    SignalWireRateLimitError,
    SignalWireRequestError,
    SignalWireResponseError,
    SignalWireServerError,
)

STOP = endpoints.stop_call_stream("project", "call", "stream")
GET_CALL = endpoints.get_call("project", "call")
DELETE_CALL = endpoints.delete_call("project", "call")
TRANSIENT = {408, 425, 500, 502, 503, 504, 520, 521, 522, 523, 524}
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def read(request, status, body=b"", headers=None, secrets=()):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = HttpResponse(status=status, headers=headers or {}, body=content)
    return responses.read_response(request, response, secrets)


def error_of(request, status, body=b"", headers=None, secrets=()):
    with pytest.raises(SignalWireError) as caught:
        read(request, status, body, headers, secrets)
    return caught.value


def expected(status):
    """The class of the error with this status, whether it is transient, and whether the request was processed."""
    if status < 400:
        is_success = 200 <= status < 300  # its body is what is wrong
        return SignalWireResponseError, is_success, "unknown"
    special = {401: SignalWireAuthenticationError, 403: SignalWireAuthenticationError, 404: SignalWireNotFoundError}
    if status in special:
        return special[status], False, "refused"
    if status == 429:
        return SignalWireRateLimitError, True, "not_processed"
    if status in TRANSIENT or status >= 500:
        return SignalWireServerError, status in TRANSIENT, "unknown"
    return SignalWireRequestError, False, "refused"


def test_every_status_has_its_error():
    for status in [*range(100, 600), 799]:
        error = error_of(STOP, status)
        assert (type(error), error.is_transient, error.outcome) == expected(status), status
        assert error.http_status == status


def test_without_a_response_it_matters_whether_the_request_was_sent():
    assert responses.classify(sent=False, status=None) == (True, "not_processed")
    assert responses.classify(sent=True, status=None) == (True, "unknown")


# None can be one segment of a path, or is short enough to be stored while a task waits.
UNUSABLE_SIDS = ["..", "a/b", " s", "s\n", "x.json", "None", "x" * 257]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "has no body"),
        (b" \r\n", "has no body"),
        (b'{"sid": "st', "is not valid JSON (truncated or corrupt)"),
        (b"<html>", "is HTML, not JSON"),
        ([], "is not a stream record"),
        (None, "is not a stream record"),
        ({"status": "stopped"}, "is not a stream record: 'sid' is not a non-empty string"),
        ({"sid": "", "status": "stopped"}, "is not a stream record: 'sid' is not a non-empty string"),
        *(({"sid": sid, "status": "queued"}, "is not a stream record: 'sid' is not a SID") for sid in UNUSABLE_SIDS),
        ({"sid": "s", "status": 5}, "is not a stream record: 'status' is not a non-empty string"),
        ({"sid": "s", "status": "x" * 101}, "is not a stream record: 'status' has more than 100 characters"),
        ({"sid": "s", "status": "x", "n": [2**64]}, "has a number that Airflow cannot store: it does not fit into 64"),
    ],
)
def test_success_without_a_record_is_an_invalid_response(body, problem):
    error = error_of(STOP, 200, body, {"x-request-id": "r-1"})
    assert type(error) is SignalWireResponseError
    assert f"the response (HTTP 200, request id r-1) {problem}" in str(error)


@pytest.mark.parametrize("record", [{"sid": "other", "call_sid": "other"}, {"sid": "s", "new": {"key": [None, 1.5]}}])
def test_record_with_other_keys_is_returned_unchanged(record):
    record |= {"status": "unheard-of"}
    assert read(STOP, 201, record) == record


def test_delete_needs_no_body():
    assert read(DELETE_CALL, 204) is None


@pytest.mark.parametrize("body", [[], {}, {"calls": {}}])
def test_page_must_have_a_list_of_calls(body):
    assert "is not a page of calls" in str(error_of(endpoints.list_calls("project"), 200, body))


@pytest.mark.parametrize(
    "uri",
    ["http://h/api/laml/x", "//h/api/laml/x", "/\\h/api/laml/x", "/api/laml/\\..\\h", "@h/api/laml/x", "/other/x",
     "api/laml/x", "/api/laml/\r\nHost: h", "/api/laml/x?PageToken=a b", "/api/laml/é", "/api/laml/x\n", "", 5, ["/"]],
)  # fmt: skip
def test_next_page_on_another_host_is_refused(uri):
    error = error_of(endpoints.list_calls("project"), 200, {"calls": [], "next_page_uri": uri})
    assert "names a next page that is not a path below /api/laml/" in str(error)


class TestErrorBody:
    URL = "https://docs.example.com/errors/12345"

    @pytest.mark.parametrize(
        ("body", "details"),
        [
            ({"code": 12345, "message": "No.", "more_info": URL, "status": 422}, (12345, "No.", URL)),
            ({"code": "12345", "message": "No."}, (12345, "No.", None)),
            ({"errors": [{"code": "10000", "message": "No.", "more_info": URL}]}, (10000, "No.", URL)),
            ({"errors": ["To is required."]}, (None, "To is required.", None)),
            ({"errors": []}, (None, None, None)),
            ({"errors": {"to": "is required"}}, (None, None, None)),
            ({"code": True, "message": 5, "more_info": None}, (None, None, None)),
            ({"code": "E-7", "message": "two\nlines\x1b[31m"}, (None, "two lines [31m", None)),
            ({"code": "²", "message": " \n"}, (None, None, None)),
            ({"message": "x" * 5000}, (None, "x" * 500, None)),
            ([1, 2], (None, None, None)),
            (b"<html>Bad</html>", (None, None, None)),
            (b"[" * 100_000, (None, None, None)),
        ],
    )
    def test_every_documented_shape_is_read(self, body, details):
        error = error_of(GET_CALL, 422, body)
        assert (error.code, error.message, error.more_info) == details
        assert str(error).isprintable()


SECRETS = {
    "url": "wss://user:hunter2@media.example.com/?key=k-12345678",
    "status_callback": "https://example.com/events?key=k-456789ab",
    "parameters": {"pin": "4711", "language": "en"},
    "authorization_bearer_token": "bearer-secret",
}


class TestMessage:
    def test_says_what_was_attempted_what_was_returned_and_what_to_do(self):
        body = {"code": 20404, "message": "The resource was not found."}
        assert str(error_of(GET_CALL, 404, body, {"x-request-id": "r-1"})) == (
            "Could not read call 'call': SignalWire returned 404 Not Found, code 20404, request id r-1: The resource "
            "was not found. Check the SIDs, and that they belong to the connection's project."
        )

    @pytest.mark.parametrize(
        ("status", "code", "advice"),
        [
            (401, None, "the scope Voice"),
            (403, None, "Check that the API token has the required scope."),
            (422, 21220, "A stream needs a call in progress; a CallStatusSensor waits for it."),
            (422, 31922, "Check the stream's url"),
            (429, None, "max_retry_seconds"),
            (503, None, "this is usually transient"),
            (522, None, "this is usually transient"),
            (501, None, "Check its status page"),
            (422, None, "retrying cannot help"),
            (302, None, "is a redirect, which is never followed. Check the connection's Space"),
            (100, None, "has an unexpected status"),
            (799, None, "799 (unknown status)"),
        ],
    )
    def test_advice_fits_the_status_and_the_code(self, status, code, advice):
        assert advice in str(error_of(GET_CALL, status, {"code": code}))

    @pytest.mark.parametrize("status", [302, *range(400, 600)])
    def test_says_nothing_twice(self, status):
        message = str(error_of(GET_CALL, status, {"code": 12345, "message": "No such luck."}))
        sentences = message.replace(": ", ". ").rstrip(".").split(". ")
        assert len(set(sentences)) == len(sentences)

    @pytest.mark.parametrize(
        "secret",
        [SECRETS["url"], "hunter2", "k-12345678", SECRETS["status_callback"], "4711", "bearer-secret", "PT-token"],
    )
    def test_never_shows_a_secret_of_the_request_or_the_connection(self, secret):
        start = endpoints.start_call_stream("project", "call", name="n", **SECRETS)
        body = {"message": f"Not valid: '{secret}' ({secret})", "more_info": f"https://x/?{secret}"}
        error = error_of(start, 422, body, {"x-request-id": secret}, secrets=["PT-token"])
        assert error.message == "Not valid: '***' (***)"
        assert error.request_id == "***"
        assert secret not in f"{error} {error!r} {vars(error)} {start!r}"

    def test_short_secret_is_redacted_as_a_word_only(self):
        start = endpoints.start_call_stream("project", "call", name="n", **SECRETS)
        error = error_of(start, 422, {"message": "Authentication needed for language 'en'."})
        assert error.message == "Authentication needed for language '***'."

    def test_redacts_the_digits_that_a_call_sends(self):
        create = endpoints.create_call("project", to="+4711", from_="+4712", send_digits="ww1234#")
        assert error_of(create, 422, {"message": "'ww1234#' is not valid."}).message == "'***' is not valid."

    def test_masks_telephone_numbers_of_the_request_however_short(self):
        create = endpoints.create_call("project", to="+4711", from_="+15550100002")
        error = error_of(create, 422, {"message": "+4711 and 1 (555) 010-0002 are not valid."})
        assert error.message == "+*** and ***0002 are not valid."


@pytest.mark.parametrize("names", [["x-signalwire-request-id", "request-id"], ["x-request-id", "request-id"], []])
def test_request_id_is_found_under_any_of_its_names(names):
    for status in (200, 302, 404):
        error = error_of(GET_CALL, status, headers={name: f"id {name}" for name in names})
        assert error.request_id == (f"id {names[0]}" if names else None)


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ("0", 0),
            ("120", 120),
            (" 7 ", 7),
            ("9" * 400, 999_999_999),
            ("Fri, 02 Jan 2026 03:04:35 GMT", 30),
            ("Fri, 02 Jan 2026 04:04:35 +0100", 30),
            ("Fri, 02 Jan 2026 03:04:35 -0000", 30),
            ("Friday, 02-Jan-26 03:04:35 GMT", 30),
            ("Thu, 01 Jan 2026 00:00:00 GMT", 0),
            ("", None),
            ("soon", None),
            ("1.5", None),
            ("-1", None),
            ("²", None),
            ("Fri, 99 Jan 2026 03:04:35 GMT", None),
        ],
    )
    def test_spellings(self, value, seconds, monkeypatch):
        monkeypatch.setattr("time.time", NOW.timestamp)
        assert responses.retry_after({"retry-after": value}) == seconds

    @pytest.mark.parametrize(("date", "seconds"), [("Fri, 02 Jan 2026 03:00:00 GMT", 60), ("nonsense", 0), (None, 0)])
    def test_date_is_relative_to_the_date_of_the_response(self, date, seconds, monkeypatch):
        monkeypatch.setattr("time.time", NOW.timestamp)
        headers = {"retry-after": "Fri, 02 Jan 2026 03:01:00 GMT"} | ({"date": date} if date else {})
        assert responses.retry_after(headers) == seconds
