"""The errors: which of them end a task at once, and how they travel."""

from __future__ import annotations

import inspect
import json
import pickle

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_signalwire import exceptions
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

ANSWER = {
    "code": 20404,
    "message": "Not there: Café.",
    "more_info": "https://docs.example.com/20404",
    "request_id": "request-1",
}

ERRORS = [
    SignalWireError("Something."),
    SignalWireConfigurationError("Wrong host."),
    SignalWireConnectionError("No answer.", kind="timeout"),
    SignalWireResponseError("No record.", http_status=200, request_id="request-1"),
    SignalWireApiError("Refused.", http_status=418, **ANSWER),
    SignalWireAuthenticationError("Who are you?", http_status=401, **ANSWER),
    SignalWireNotFoundError("Not there.", http_status=404, **ANSWER),
    SignalWireRequestError("Wrong.", http_status=422),
    SignalWireRateLimitError("Too many.", http_status=429, retry_after=1.5, **ANSWER),
    SignalWireServerError("Oops.", http_status=503, retry_after=None, **ANSWER),
    SignalWireTimeoutError("Too late."),
    SignalWireCallEndedError("Busy."),
]
every_error = pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)

NO_RETRY_HELPS = {
    "SignalWireConfigurationError",
    "SignalWireAuthenticationError",
    "SignalWireNotFoundError",
    "SignalWireRequestError",
    "SignalWireCallEndedError",
    "SignalWireBatchRefusedError",
}


def error_classes():
    return [
        value for value in vars(exceptions).values() if inspect.isclass(value) and issubclass(value, SignalWireError)
    ]


@pytest.mark.parametrize("error_class", error_classes(), ids=lambda error_class: error_class.__name__)
def test_what_no_retry_can_mend_ends_the_task_at_once(error_class):
    assert issubclass(error_class, AirflowException)
    assert issubclass(error_class, AirflowFailException) is (error_class.__name__ in NO_RETRY_HELPS)


@pytest.mark.parametrize(
    "error_class",
    [
        SignalWireAuthenticationError,
        SignalWireNotFoundError,
        SignalWireRequestError,
        SignalWireRateLimitError,
        SignalWireServerError,
    ],
)
def test_answers_of_the_api_can_be_caught_as_one(error_class):
    assert issubclass(error_class, SignalWireApiError)


@pytest.mark.parametrize(
    ("kind", "was_sent"),
    [("dns", False), ("dns-unavailable", False), ("tls", False), ("connect", False), ("lost", True), ("timeout", True)],
)
def test_whether_a_request_was_sent(kind, was_sent):
    assert SignalWireConnectionError("No answer.", kind=kind).request_was_sent is was_sent


@every_error
def test_an_error_travels_through_an_event(error):
    event = json.loads(json.dumps(error.to_event()))
    assert set(event) == {"error", "message", "attributes"}
    arrived = SignalWireError.from_event(event)
    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert vars(arrived) == vars(error)


@every_error
def test_an_error_travels_between_processes(error):
    arrived = pickle.loads(pickle.dumps(error))
    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert vars(arrived) == vars(error)


@every_error
def test_advice_is_added_to_the_message(error):
    copy = SignalWireError.from_event(error.to_event())
    copy.add_advice("Do this.")
    copy.add_advice("Then that.")
    assert str(copy) == f"{error} Do this. Then that."
    assert vars(copy) == vars(error)
    assert str(SignalWireError.from_event(copy.to_event())) == str(copy)


@pytest.mark.parametrize(
    "event",
    [
        {"error": "SomethingElse", "message": "What?"},
        {"error": "AirflowException", "message": "What?", "attributes": None},
        {"message": "What?"},
        {"error": None, "message": "What?", "attributes": {}},
    ],
)
def test_an_event_from_elsewhere_is_a_plain_error(event):
    error = SignalWireError.from_event(event)
    assert type(error) is SignalWireError
    assert str(error) == "What?"
