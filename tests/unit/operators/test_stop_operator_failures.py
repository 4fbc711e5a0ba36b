"""What stopping a stream does when something goes wrong: whether it tries again, how it ends, and when."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowTaskTimeout, TaskDeferred

from airflow_provider_signalwire.client.flows import wait as waiting
from airflow_provider_signalwire.client.transport import sync_client
from airflow_provider_signalwire.exceptions import (
    SignalWireAuthenticationError,
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
from airflow_provider_signalwire.operators.call_stream import StopCallStreamOperator

STOPS = {"method": "POST", "path_contains": "/Streams/"}
QUEUED = {"match": STOPS, "kind": "patch", "set": {"status": "queued"}}


def always(**fault):
    return {"match": STOPS, "times": None, **fault}


def status(number, **options):
    return always(kind="status", status=number, **options)


FINAL = [
    (status(400), SignalWireRequestError),
    (status(401), SignalWireAuthenticationError),
    (status(403), SignalWireAuthenticationError),
    (status(404), SignalWireNotFoundError),
    (status(409), SignalWireRequestError),
    (status(422), SignalWireRequestError),
]
PASSING = [
    (status(429), SignalWireRateLimitError),
    (status(500), SignalWireServerError),
    (status(503), SignalWireServerError),
    (always(kind="reset"), SignalWireConnectionError),
    (always(kind="truncate"), SignalWireResponseError),
    (always(kind="html"), SignalWireResponseError),
]


def named(cases):
    return [
        pytest.param(*case, id="-".join(str(case[0][key]) for key in ("kind", "status", "when") if key in case[0]))
        for case in cases
    ]


@pytest.fixture
def stream(simulator, make_connection, no_backoff):
    make_connection(extra={"max_attempts": 3})
    [call] = simulator.seed(streams=[{"name": "media"}])
    return {"call_sid": call["sid"], "stream_sid": call["streams"][0]["sid"]}


@pytest.mark.parametrize(("fault", "error"), named(FINAL))
@pytest.mark.parametrize("looks_before", [0, 1])
def test_what_no_retry_can_mend_is_asked_once_and_ends_the_task(simulator, stop, stream, fault, error, looks_before):
    simulator.set_faults([*[QUEUED] * looks_before, fault])

    with pytest.raises(error) as caught:
        stop(**stream)

    assert type(caught.value) is error
    assert isinstance(caught.value, AirflowFailException)
    assert caught.value.http_status == fault["status"]
    assert len(simulator.requests("/Streams/")) == looks_before + 1
    # Each look that is not yet the end, and each refusal that may come of an ended call, reads the call.
    reads = [request for request in simulator.requests() if request["method"] == "GET"]
    assert len(reads) == looks_before + (fault["status"] not in (401, 403))
    assert len(stop.deferrals) == (stop.mode == "deferred" and looks_before == 1)


@pytest.mark.parametrize(("fault", "error"), named(PASSING))
@pytest.mark.parametrize("looks_before", [0, 1])
def test_what_may_pass_is_tried_within_bounds(simulator, stop, stream, fault, error, looks_before):
    simulator.set_faults([*[QUEUED] * looks_before, fault])

    with pytest.raises(error, match="Gave up after 3 attempts") as caught:
        stop(**stream)

    assert type(caught.value) is error
    assert not isinstance(caught.value, AirflowFailException)
    if fault["kind"] == "status":
        assert caught.value.http_status == fault["status"]
    assert len(simulator.requests("/Streams/")) == looks_before + 3


@pytest.mark.parametrize("fault", [status(429), status(503), always(kind="reset", when="after"), always(kind="html")])
def test_what_passes_is_not_noticed(simulator, stop, stream, fault):
    simulator.set_faults([{**fault, "times": 1}, QUEUED, {**fault, "times": 2}])

    assert stop(**stream)["status"] == "stopped"


def test_a_wrong_token_is_tried_once(simulator, stop, make_connection):
    make_connection(password="PT-wrong")

    with pytest.raises(SignalWireAuthenticationError, match="API token") as caught:
        stop(call_sid="call", stream_sid="stream")

    assert isinstance(caught.value, AirflowFailException)
    assert len(simulator.requests()) == 1


def test_an_error_keeps_its_details_across_the_triggerer(simulator, stop, stream):
    body = {"code": "20404", "message": "No such stream", "more_info": "https://example.com/20404"}
    simulator.set_faults([QUEUED, status(404, body=body, headers={"X-Request-Id": "req-1"})])

    with pytest.raises(SignalWireNotFoundError, match="No such stream") as caught:
        stop(**stream)

    error = caught.value
    assert (error.code, error.message, error.more_info) == (20404, "No such stream", "https://example.com/20404")
    assert isinstance(error.request_id, str)
    assert error.request_id in str(error)


def test_the_wait_ends_at_the_timeout_and_says_what_was_last_seen(simulator, stop, stream):
    simulator.set_faults([QUEUED, always(kind="patch", set={"status": "in-progress"})])

    with pytest.raises(SignalWireTimeoutError) as caught:
        stop(**stream, timeout=0.9, poll_interval=0.3)

    for part in (stream["call_sid"], stream["stream_sid"], "'in-progress'", "timeout"):
        assert part in str(caught.value)
    assert not isinstance(caught.value, AirflowFailException)
    assert 2 <= len(simulator.requests("/Streams/")) <= 5


def test_a_timeout_of_zero_looks_once(simulator, stop, stream):
    simulator.set_faults([always(kind="patch", set={"status": "queued"})])

    with pytest.raises(SignalWireTimeoutError, match="'queued'"):
        stop(**stream, timeout=0)

    assert len(simulator.requests("/Streams/")) == 1


class Clock:
    """Stands still but for sleeping."""

    monotonic = staticmethod(time.monotonic)

    def __init__(self):
        self.now = 1_800_000_000.0
        self.slept = []

    def time(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


def test_looks_every_poll_interval_and_once_more_at_the_deadline(simulator, stream, monkeypatch):
    clock = Clock()
    for module in (waiting, sync_client):
        monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr("airflow_provider_signalwire.operators.call_stream.time", clock)
    simulator.set_faults([always(kind="patch", set={"status": "queued"})])
    operator = StopCallStreamOperator(
        task_id="stop", **stream, wait_for_completion=True, poll_interval=5, timeout=12, deferrable=False
    )

    with pytest.raises(SignalWireTimeoutError):
        operator.execute({})

    assert 2.5 <= clock.slept[0] <= 5  # a wait that follows a look begins with half a pause or more
    assert clock.slept[1] == pytest.approx(5, rel=0.1001)
    assert sum(clock.slept) == pytest.approx(12)
    assert len(simulator.requests("/Streams/")) == len(clock.slept) + 1


def test_killing_a_waiting_task_sends_nothing_more(simulator, stream, monkeypatch):
    def killed(seconds):
        raise AirflowTaskTimeout("killed")

    monkeypatch.setattr(sync_client, "time", SimpleNamespace(sleep=killed, monotonic=time.monotonic))
    simulator.set_faults([always(kind="patch", set={"status": "queued"})])
    operator = StopCallStreamOperator(task_id="stop", **stream, wait_for_completion=True, deferrable=False)

    with pytest.raises(AirflowTaskTimeout):
        operator.execute({})
    sent = len(simulator.requests())
    operator.on_kill()

    assert len(simulator.requests()) == sent == 2


@pytest.mark.parametrize(
    "event",
    [
        None,
        {},
        [],
        "success",
        {"status": "success"},
        {"status": "timeout"},
        {"status": "done", "record": {"status": "stopped"}},
        {"record": {"status": "stopped"}},
    ],
)
def test_an_event_that_is_not_a_known_success_fails(event):
    operator = StopCallStreamOperator(task_id="stop", call_sid="call", stream_sid="stream")

    with pytest.raises(SignalWireError, match="does not know"):
        operator.execute_complete({}, event)
    with pytest.raises(SignalWireError, match="does not know"):
        operator.resume_execution("execute_complete", {"event": event}, {})


def test_no_event_at_all_fails():
    operator = StopCallStreamOperator(task_id="stop", call_sid="call", stream_sid="stream")

    with pytest.raises(SignalWireError, match="does not know"):
        operator.resume_execution("execute_complete", None, {})


@pytest.mark.parametrize("parameter", ["call_sid", "stream_sid", "account_sid"])
@pytest.mark.parametrize("value", ["", "  ", ".", "..", "a/b", "a\\b", "a\nb", "a\x00b", "a.json", 7], ids=repr)
def test_a_sid_that_cannot_be_one_is_refused_unsent(simulator, stop, stream, parameter, value):
    with pytest.raises(SignalWireConfigurationError, match=parameter) as caught:
        stop(**{**stream, parameter: value})

    assert isinstance(caught.value, AirflowFailException)
    assert simulator.requests() == []


@pytest.mark.parametrize("parameter", ["poll_interval", "timeout"])
@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "5", None, True], ids=repr)
def test_a_wrong_number_is_refused_when_the_task_is_made(parameter, value):
    with pytest.raises(SignalWireConfigurationError, match=f"'{parameter}'.*a number of at least"):
        StopCallStreamOperator(task_id="stop", call_sid="call", stream_sid="stream", **{parameter: value})


def test_a_poll_interval_that_would_spin_is_refused():
    with pytest.raises(SignalWireConfigurationError, match=r"at least 0\.1"):
        StopCallStreamOperator(task_id="stop", call_sid="call", stream_sid="stream", poll_interval=0)


def test_deferring_happens_after_the_first_look_only(simulator, stream):
    operator = StopCallStreamOperator(task_id="stop", **stream, wait_for_completion=True, deferrable=True)

    operator.execute({})  # the stream stops at once: nothing to defer for

    simulator.reset(stop_delay_ms=60_000)
    [call] = simulator.seed(streams=[{"name": "media"}])
    operator = StopCallStreamOperator(
        task_id="stop", call_sid=call["sid"], stream_sid="media", wait_for_completion=True, deferrable=True
    )
    with pytest.raises(TaskDeferred):
        operator.execute({})
    assert len(simulator.requests("/Streams/")) == 1
