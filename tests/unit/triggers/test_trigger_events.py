"""An event is trusted only if it is a known success; an error arrives as what it was."""

from __future__ import annotations

import json

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_signalwire.exceptions import (
    SignalWireApiError,
    SignalWireAuthenticationError,
    SignalWireCallEndedError,
    SignalWireConfigurationError,
    SignalWireConnectionError,
    SignalWireError,
    SignalWireNotFoundError,
    SignalWireRateLimitError,
    SignalWireRequestError,
    SignalWireResponseError,
    SignalWireServerError,
    SignalWireTimeoutError,
)
from airflow_provider_signalwire.triggers.events import record_of

ANSWER = {"http_status": 418, "code": 20404, "message": "m", "more_info": "https://example.com", "request_id": "r"}
ERRORS = [
    SignalWireError("text"),
    SignalWireConfigurationError("text"),
    SignalWireConnectionError("text", kind="timeout"),
    SignalWireResponseError("text", http_status=200, request_id="r"),
    SignalWireApiError("text", **ANSWER),
    SignalWireAuthenticationError("text", **ANSWER),
    SignalWireNotFoundError("text", **ANSWER),
    SignalWireRequestError("text", **ANSWER),
    SignalWireRateLimitError("text", retry_after=1.5, **ANSWER),
    SignalWireServerError("text", retry_after=None, **ANSWER),
    SignalWireTimeoutError("text"),
    SignalWireCallEndedError("text"),
]


@pytest.mark.parametrize("record", [{"status": "stopped"}, None])
def test_a_success_gives_its_record(record):
    assert record_of({"status": "success", "record": record}) == record


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_arrives_as_what_it_was(error):
    event = json.loads(json.dumps({"status": "error", **error.to_event()}))

    with pytest.raises(SignalWireError) as caught:
        record_of(event)

    assert type(caught.value) is type(error)
    assert str(caught.value) == "text"
    assert vars(caught.value) == vars(error)
    assert isinstance(caught.value, AirflowFailException) == isinstance(error, AirflowFailException)


@pytest.mark.parametrize("event", [{"error": "KeyError"}, {}, {"error": None, "attributes": None}], ids=repr)
def test_an_error_of_another_version_is_still_an_error(event):
    with pytest.raises(SignalWireError):
        record_of({"status": "error", "message": "text", **event})


@pytest.mark.parametrize(
    "event",
    [
        None,
        "",
        "success",
        0,
        [],
        {},
        {"status": "success"},
        {"status": "SUCCESS", "record": {}},
        {"status": None, "record": {}},
        {"record": {"status": "stopped"}},
        ["success", {"record": {}}],
        {"x": "long" * 500},
    ],
    ids=lambda event: repr(event)[:30],
)
def test_anything_else_fails_and_is_shown(event):
    with pytest.raises(SignalWireError, match="does not know") as caught:
        record_of(event)

    assert repr(event)[:100] in str(caught.value)
    assert len(str(caught.value)) < 500
