"""The errors: which of them end a task at once, and how they travel."""

from __future__ import annotations

import inspect
import json
import pickle

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from sample_errors import ERRORS

from airflow_provider_signalwire import exceptions
from airflow_provider_signalwire.exceptions import SignalWireApiError, SignalWireError

every_error = pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
RETRYING_CANNOT_FIX = {"Configuration", "Authentication", "NotFound", "Request", "CallEnded"}
RETRYING_CANNOT_FIX |= {"BatchRefused", "UnknownOutcome"}
API_ERRORS = {"Api", "Authentication", "NotFound", "Request", "RateLimit", "Server"}


def test_sample_has_every_error_class():
    classes = {value for value in vars(exceptions).values() if inspect.isclass(value)}
    assert {type(error) for error in ERRORS} == {value for value in classes if issubclass(value, SignalWireError)}


@every_error
def test_error_that_retrying_cannot_fix_ends_the_task(error):
    name = type(error).__name__.removeprefix("SignalWire").removesuffix("Error")
    assert isinstance(error, AirflowException)
    assert isinstance(error, AirflowFailException) is error.ends_task is (name in RETRYING_CANNOT_FIX)
    assert isinstance(error, SignalWireApiError) is (name in API_ERRORS)


@every_error
def test_error_travels_through_events_and_between_processes(error):
    event = json.loads(json.dumps(error.to_event()))
    assert set(event) == {"error", "message", "attributes"}
    for arrived in (SignalWireError.from_event(event), pickle.loads(pickle.dumps(error))):
        assert type(arrived) is type(error)
        assert (str(arrived), vars(arrived)) == (str(error), vars(error))


@every_error
def test_advice_is_appended_to_the_message(error):
    copy = SignalWireError.from_event(error.to_event())
    copy.add_advice("Do this.")
    copy.add_advice("Then that.")
    assert str(copy) == f"{error} Do this. Then that."
    assert str(SignalWireError.from_event(copy.to_event())) == str(copy)


@pytest.mark.parametrize("more", [{"error": "SomethingElse"}, {"error": "AirflowException", "attributes": None}, {}])
def test_event_of_an_unknown_error_is_a_plain_error(more):
    error = SignalWireError.from_event({"message": "What?", **more})
    assert type(error) is SignalWireError
    assert str(error) == "What?"
