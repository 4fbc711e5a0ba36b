"""CreateCallOperator makes a call at most once; UpdateCallOperator changes or ends it."""

from __future__ import annotations

import inspect
import re
from typing import get_args, get_type_hints

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from interrupted_request import interrupt
from simulated import http_status, methods

from airflow_provider_signalwire._compat import AirflowTaskTimeout
from airflow_provider_signalwire.client.protocol.options import CreateCallOptions, UpdateCallOptions
from airflow_provider_signalwire.exceptions import (
    SignalWireConfigurationError,
    SignalWireRateLimitError,
    SignalWireRequestError,
    SignalWireUnknownOutcomeError,
)
from airflow_provider_signalwire.operators.call import CreateCallOperator, UpdateCallOperator

NUMBERS = {"to": "+15550100001", "from_": "+15550100002"}
INSTRUCTIONS = "https://bot.example.com/laml?key=secret-key-of-the-bot"
CREATES = {"method": "POST", "path_contains": "/Calls"}


@pytest.fixture
def create(simulator, connection, no_backoff, run_task):
    """Run a CreateCallOperator."""

    def create(*, max_tries=0, **arguments):
        task = CreateCallOperator(task_id="create", **{**NUMBERS, "url": INSTRUCTIONS, **arguments})
        return task.execute(run_task.context(max_tries=max_tries))

    return create


@pytest.fixture
def update(simulator, connection, no_backoff, run_task):
    """Run an UpdateCallOperator."""

    def update(call_sid, **arguments):
        return UpdateCallOperator(task_id="update", call_sid=call_sid, **arguments).execute(run_task.context())

    return update


def calls(simulator):
    return simulator.state.snapshot()["calls"]


class TestCreate:
    def test_record_of_the_call_is_returned(self, simulator, create):
        record = create(timeout=20, record=True, status_callback_event=["ringing", "answered"])
        assert [call["sid"] for call in calls(simulator)] == [record["sid"]]
        assert record["status"] in ("queued", "in-progress")
        [request] = simulator.requests("/Calls")
        assert request["form"]["Timeout"] == "20"
        assert request["form"]["Record"] == "true"

    @pytest.mark.parametrize(
        "fault",
        [
            {"kind": "reset", "when": "after"},
            {"kind": "reset"},
            {"kind": "status", "status": 503},
            {"kind": "truncate"},
        ],
    )
    def test_call_that_may_have_been_made_is_not_made_again(self, simulator, create, fault):
        simulator.set_faults([{"match": CREATES, **fault}])
        with pytest.raises(SignalWireUnknownOutcomeError, match="The call may have been made") as caught:
            create()
        assert isinstance(caught.value, AirflowFailException)
        assert str(caught.value).startswith("Could not create a call: ")
        assert methods(simulator) == "POST"

    @pytest.mark.parametrize("error", [AirflowTaskTimeout("Timeout"), KeyboardInterrupt(), OSError("disk")])
    def test_next_try_makes_no_call_if_this_one_may_have(self, simulator, create, monkeypatch, error):
        interrupt(monkeypatch, error, when="before")
        with pytest.raises(BaseException) as caught:  # noqa: PT011 - which one is checked below
            create()
        timed_out = isinstance(error, AirflowTaskTimeout)
        assert type(caught.value) is (SignalWireUnknownOutcomeError if timed_out else type(error))

        with pytest.raises(SignalWireUnknownOutcomeError, match=r"An earlier try of this task may have made a call"):
            create()
        assert simulator.requests() == []

    def test_next_try_makes_the_call_if_this_one_was_refused(self, simulator, create):
        simulator.set_faults([http_status(429, times=10, match=CREATES)])
        with pytest.raises(SignalWireRateLimitError):
            create()
        simulator.set_faults([http_status(422, times=1, match=CREATES)])
        with pytest.raises(SignalWireRequestError):
            create()
        assert create()["sid"] == calls(simulator)[0]["sid"]

    @pytest.mark.parametrize("value", [None, "", "None", 15550100001])
    def test_missing_number_is_refused_before_any_request(self, simulator, create, run_task, caplog, value):
        caplog.set_level("INFO")
        for name in NUMBERS:
            with pytest.raises(SignalWireConfigurationError, match=f"'{name}'"):
                create(**{name: value})
        assert simulator.requests() == []
        assert "Creating" not in caplog.text
        assert run_task.store.entries == {}

    @pytest.mark.parametrize("fault", [None, {"kind": "reset", "when": "after"}])
    def test_cleared_task_makes_another_call(self, simulator, create, fault):
        """Clearing a task changes its max_tries. Airflow 3.3 keeps its state, 3.4 discards it."""
        if fault:
            simulator.set_faults([{"match": CREATES, **fault}])
            with pytest.raises(SignalWireUnknownOutcomeError, match="clear the task"):
                create()
        else:
            create()
        assert create(max_tries=1)["sid"] == calls(simulator)[1]["sid"]

    def test_call_without_instructions_is_refused_before_any_request(self, simulator, create, run_task):
        with pytest.raises(SignalWireConfigurationError, match="'url' is None, and so is 'application_sid'"):
            create(url=None)
        assert simulator.requests() == []
        assert run_task.store.entries == {}

    def test_sid_is_an_xcom_value_of_its_own(self, create, run_task):
        record = create()
        assert run_task.pushed == [("sid", record["sid"])]
        create(max_tries=1, do_xcom_push=False)
        assert run_task.pushed == [("sid", record["sid"])]

    def test_call_is_not_made_again_if_its_sid_cannot_be_stored(self, simulator, create, run_task, monkeypatch):
        monkeypatch.setattr(run_task, "pushed", None)
        with pytest.raises(AttributeError):
            create()
        with pytest.raises(SignalWireUnknownOutcomeError, match="An earlier try"):
            create()
        assert methods(simulator) == "POST"

    def test_log_names_the_call_but_no_number(self, simulator, create, caplog):
        simulator.set_faults([{"match": CREATES, "kind": "slow", "seconds": 0.02}])
        with caplog.at_level("INFO"):
            record = create()
        assert "Creating a call." in caplog.text
        line = rf"Call is {record['status']}: '{record['sid']}'. Create: attempts 1, (\d+) ms, request id (.+)\."
        milliseconds, request_id = re.search(line, caplog.text).groups()
        assert int(milliseconds) >= 20
        assert request_id == simulator.requests()[0]["request_id"]
        assert "5550100001" not in caplog.text
        assert "secret-key" not in caplog.text


class TestUpdate:
    def test_hang_up_ends_the_call_and_succeeds_if_it_has_ended(self, simulator, update, call_sid, caplog):
        caplog.set_level("INFO")
        for _ in range(2):
            record = update(call_sid, status="completed")
            assert (record["sid"], record["status"]) == (call_sid, "completed")
            assert calls(simulator)[0]["status"] == "completed"
        assert methods(simulator) == "POST POST GET"
        assert caplog.text.count(f"Call is completed: '{call_sid}'.") == 2

    def test_unknown_status_is_refused_before_any_request(self, simulator, update, call_sid):
        with pytest.raises(
            SignalWireConfigurationError, match="'status' is 'done': expected 'canceled' or 'completed'"
        ):
            update(call_sid, status="done")
        assert simulator.requests() == []

    def test_other_change_to_an_ended_call_fails(self, update, call_sid):
        update(call_sid, status="completed")
        for change in ({"url": INSTRUCTIONS}, {"status": "completed", "url": INSTRUCTIONS}):
            with pytest.raises(SignalWireRequestError):
                update(call_sid, **change)

    def test_new_instructions_are_sent_once(self, simulator, update, call_sid):
        simulator.set_faults([http_status(503, match=CREATES)])
        with pytest.raises(SignalWireUnknownOutcomeError, match="The new instructions may be running"):
            update(call_sid, url=INSTRUCTIONS)
        assert methods(simulator) == "POST"

    def test_new_instructions_are_not_sent_again_after_a_timeout(self, update, monkeypatch):
        interrupt(monkeypatch, AirflowTaskTimeout("Timeout"), when="before")
        with pytest.raises(SignalWireUnknownOutcomeError, match="The new instructions may be running"):
            update("call", url=INSTRUCTIONS)
        interrupt(monkeypatch, AirflowTaskTimeout("Timeout"), when="before")
        with pytest.raises(AirflowTaskTimeout):
            update("call", status="completed")


OPTIONS = [(CreateCallOperator, CreateCallOptions, NUMBERS), (UpdateCallOperator, UpdateCallOptions, {"call_sid": "c"})]


@pytest.mark.parametrize(("operator", "options", "required"), OPTIONS)
def test_operator_takes_every_option_of_the_endpoint(operator, options, required):
    assert set(inspect.signature(operator).parameters) == {
        *(*required, *options.__annotations__, "account_sid", "signalwire_conn_id", "kwargs")
    }


def test_every_option_is_sent(simulator, create):
    samples = {float: 5, int: 7, bool: True, str: "https://example.com"}
    choices = {name: get_args(hint)[0] for name, hint in get_type_hints(CreateCallOptions).items()}
    values = {name: samples.get(choice) or get_args(choice)[0] for name, choice in choices.items()}
    values |= {"application_sid": "app", "status_callback_event": ["answered"]}
    simulator.set_faults([http_status(422, match=CREATES)])
    with pytest.raises(SignalWireRequestError):
        create(**values)
    [request] = simulator.requests("/Calls")
    assert len(request["form"]) == len(values) + len(NUMBERS)
