"""A start stops its stream if the task ends early, unless Airflow has given up the try, on each version of Airflow."""

from __future__ import annotations

import queue
import threading
from contextlib import suppress
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.client.protocol.stream_parents import CALL
from airflow_provider_signalwire.exceptions import SignalWireError
from airflow_provider_signalwire.hooks.signalwire import SignalWireHook
from airflow_provider_signalwire.journal_intents import StartIntent
from airflow_provider_signalwire.operators import current_try
from airflow_provider_signalwire.operators.start_guard import StartGuard, StreamStartGuard, TaskKilled

AT = datetime(2026, 1, 2, 3, 4, 5, 678, UTC)
KEYS = {"dag_id": "calls", "run_id": "run", "task_id": "media", "map_index": -1}


class RefusedByApi(Exception):
    """An error that the API server returned, as the supervisor passes it on."""

    def __init__(self, status: int | None) -> None:
        super().__init__(status)
        self.error = SimpleNamespace(detail={"status_code": status})


class Store:
    """The task state store of Airflow 3.3; its calls fail if there is an error."""

    def __init__(self, *errors: Exception | None) -> None:
        self._errors = list(errors)

    def get(self, key):
        return None

    def set(self, key, value, retention=None):
        pass

    def delete(self, key):
        error = self._errors.pop(0) if len(self._errors) > 1 else self._errors[0]
        if error is not None:
            raise error


def airflow_3_3(*errors, state="running"):
    ti = SimpleNamespace(**KEYS, get_dr_count=None, get_task_states=lambda **criteria: {"run": {"media": state}})
    return {"ti": ti, "task_state_store": Store(*errors)}


def airflow_3_0(error=None):
    def get_dr_count(**criteria):
        if error is not None:
            raise error

    return {"ti": SimpleNamespace(**KEYS, get_dr_count=get_dr_count)}


def airflow_2(try_number):
    class TaskInstance(SimpleNamespace):
        @staticmethod
        def get_task_instance(**keys):
            assert keys == KEYS
            return SimpleNamespace(try_number=try_number) if try_number else None

    return {"ti": TaskInstance(**KEYS, try_number=1)}


@pytest.mark.parametrize(
    ("context", "is_given_up"),
    [
        pytest.param(airflow_3_3(None), False, id="3.3, current"),
        pytest.param(airflow_3_3(BrokenPipeError()), True, id="3.3, supervisor gone"),
        pytest.param(airflow_3_3(EOFError()), True, id="3.3, supervisor gone while it responds"),
        pytest.param(airflow_3_3(RefusedByApi(404)), True, id="3.3, replaced"),
        *(pytest.param(airflow_3_3(RefusedByApi(code)), True, id=f"3.3, replaced, {code}") for code in (409, 410)),
        pytest.param(airflow_3_3(None, RefusedByApi(404)), True, id="3.3, replaced, and an old response is read"),
        pytest.param(airflow_3_3(RefusedByApi(404), None), False, id="3.3, current, and an old error is read"),
        pytest.param(airflow_3_3(RefusedByApi(404), state="restarting"), False, id="3.3, cleared while it ran"),
        pytest.param(airflow_3_3(RefusedByApi(None)), False, id="3.3, API server unreachable"),
        pytest.param(airflow_3_3(RefusedByApi(500)), False, id="3.3, API server fails"),
        pytest.param(airflow_3_0(), False, id="3.0, current"),
        pytest.param(airflow_3_0(EOFError()), True, id="3.0, supervisor gone"),
        pytest.param(airflow_3_0(RefusedByApi(None)), False, id="3.0, API server unreachable"),
        pytest.param(airflow_2(1), False, id="2, current"),
        pytest.param(airflow_2(2), True, id="2, replaced"),
        pytest.param(airflow_2(None), True, id="2, removed"),
        pytest.param({}, False, id="no task instance"),
    ],
)
def test_failed_start_stops_its_stream_unless_airflow_gave_up_the_try(
    simulator, connection, monkeypatch, context, is_given_up
):
    monkeypatch.setattr(current_try, "_AIRFLOW_SECONDS", 60)
    [call] = simulator.seed(streams=[])
    simulator.set_faults([{"kind": "status", "status": 501, "when": "after"}])
    hook = SignalWireHook(connection)
    url = "wss://media.example.com/stream"
    guard = StreamStartGuard(
        context=context,
        hook=hook,
        stream="Stream 'bot'",
        request=endpoints.start_call_stream(hook.account_sid, call["sid"], url=url, name="bot"),
        parent=CALL,
        parent_sid=call["sid"],
        name="bot",
        is_default_name=False,
        push_record=False,
        journal_intent=StartIntent({}, None, "bot"),
    )

    with pytest.raises(SignalWireError) as raised:
        guard.run(lambda record: record)

    assert simulator.state.snapshot()["counts"]["running_streams"] == is_given_up
    assert ("may be running" in str(raised.value)) == is_given_up


class KilledInFinalizer(StartGuard):
    """Is killed while it runs a finalizer: Python ignores what the signal handler raises."""

    has_stopped = False

    def _send(self):
        with suppress(TaskKilled):
            self.on_kill()

    def _warning(self):
        return "A stream may be running."

    def _stop(self, client, seconds):
        self.has_stopped = True


@pytest.mark.parametrize(
    ("ti", "is_reported", "is_logged"),
    [
        ({"state": "running"}, False, False),
        ({"state": "success"}, True, False),
        ({"state": "running", "end_date": AT}, False, False),  # Airflow 2
        ({"state": "running", "end_date": None, "get_dr_count": None}, False, False),
        ({"state": "running", "end_date": AT, "get_dr_count": None}, True, True),
        ({"state": "success", "end_date": AT, "get_dr_count": None}, True, False),
    ],
)
def test_success_is_reported_from_the_end_of_the_task_on(caplog, ti, is_reported, is_logged):
    assert current_try.is_success_reported({"ti": SimpleNamespace(**ti)}, "Stream 'bot'") is is_reported
    assert ("Stream 'bot' is running since 2026-01-02T03:04:05+00:00." in caplog.text) is is_logged


def test_request_to_airflow_that_hangs_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(current_try, "_AIRFLOW_SECONDS", 0.01)
    threads, may_end = queue.SimpleQueue(), threading.Event()
    current_try.run_briefly(lambda: (threads.put(threading.current_thread()), may_end.wait(10)))
    assert threads.get(timeout=10).daemon
    may_end.set()


def test_kill_whose_exception_is_ignored_ends_the_task_and_stops_the_stream(connection):
    guard = KilledInFinalizer(context={}, hook=SignalWireHook(connection), stream="A stream")
    with pytest.raises(TaskKilled):
        guard.run(lambda record: record)
    assert guard.has_stopped
