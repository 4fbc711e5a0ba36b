"""Starting a stream: whatever becomes of the answer, exactly one stream runs in the end, or none."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_signalwire.client.flows.start import start_stream
from airflow_provider_signalwire.client.flows.stop import just
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.client.transport.sync_client import SignalWireClient
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
)

URL = "wss://media.example.com/audio"
NAME = "dag.task"

# Failures of a start that leave open whether a stream runs; "after" means that one does.
OPEN_OUTCOMES = {
    "reset before": {"kind": "reset"},
    "reset middle": {"kind": "reset", "when": "middle"},
    "reset after": {"kind": "reset", "when": "after"},
    "hang before": {"kind": "hang"},
    "hang after": {"kind": "hang", "when": "after"},
    "truncated": {"kind": "truncate"},
    "no status": {"kind": "patch", "drop": ["status"]},
    "html": {"kind": "html"},
    "500": {"kind": "status", "status": 500},
    "502": {"kind": "html", "status": 502},
    "504": {"kind": "status", "status": 504},
}
open_outcomes = pytest.mark.parametrize("fault", OPEN_OUTCOMES.values(), ids=OPEN_OUTCOMES)


@pytest.fixture
def call_sid(simulator):
    return simulator.seed(streams=[{"name": "another"}])[0]["sid"]


@pytest.fixture
def start_fault(simulator, call_sid):
    """A fault that strikes starts on the call, and nothing else."""

    def make(fault, *, times=1):
        return {**fault, "times": times, "match": {"path": f"/Accounts/{simulator.project}/Calls/{call_sid}/Streams"}}

    return make


@pytest.fixture
def start(run, simulator, call_sid, clock):
    def start(*, url=URL, name=NAME, timeout=10, **options):
        flow = start_stream(simulator.project, call_sid, url=url, name=name, **options)
        return run(flow, timeout=timeout, max_attempts=2)

    return start


@pytest.fixture
def running(simulator):
    """The SIDs of the streams that run under the name."""

    def running():
        streams = simulator.state.snapshot()["streams"]
        return [one["sid"] for one in streams if one["name"] == NAME and one["status"] != "stopped"]

    return running


def what_was_sent(simulator):
    """S for a start, X for a stop, ? for a look at the call."""

    def letter(request):
        if request["method"] == "GET":
            return "?"
        return "S" if request["path"].endswith("/Streams") else "X"

    return "".join(letter(request) for request in simulator.requests())


def test_a_stream_is_started_by_one_request(start, simulator, running):
    record = start(track="both_tracks", parameters={"language": "en"})
    assert running() == [record["sid"]]
    assert what_was_sent(simulator) == "S"


class TestALostAnswer:
    @open_outcomes
    def test_leaves_exactly_one_stream_which_is_known(
        self, start, simulator, start_fault, running, clock, timeout_for, fault
    ):
        simulator.set_faults([start_fault(fault)])
        record = start(timeout=timeout_for(fault))
        assert running() == [record["sid"]]
        assert len(clock.waits) == 1
        assert 0 <= clock.waits[0] <= 2

    @open_outcomes
    def test_lost_thrice_leaves_none(self, start, simulator, start_fault, running, clock, timeout_for, fault):
        simulator.set_faults([start_fault(fault, times=None)])
        with pytest.raises(SignalWireError) as caught:
            start(timeout=timeout_for(fault))
        assert running() == []
        assert what_was_sent(simulator).count("S") == 3
        assert f"Tried to start stream '{NAME}' on call" in str(caught.value)

    def test_is_told(self, start, simulator, start_fault, caplog):
        simulator.set_faults([start_fault({"kind": "reset", "when": "after"})])
        with caplog.at_level(logging.WARNING):
            start()
        assert f"Making sure that no stream named '{NAME}' was left running." in caplog.text

    def test_is_waited_for_until_the_leftover_has_stopped(self, start, simulator, start_fault, running, clock):
        still_queued = {"kind": "patch", "set": {"status": "queued"}, "match": {"path_contains": f"/Streams/{NAME}"}}
        simulator.set_faults([start_fault({"kind": "reset", "when": "after"}), {**still_queued, "times": 2}])
        record = start()
        assert running() == [record["sid"]]
        assert what_was_sent(simulator) == "SXXXS"
        assert clock.waits[:2] == pytest.approx([1, 1], rel=0.125)

    @pytest.mark.parametrize(("status", "sent"), [(500, "SXS"), (503, "SSXS")])
    def test_processed_although_the_answer_denies_it_leaves_exactly_one(
        self, start, simulator, start_fault, running, clock, status, sent
    ):
        simulator.set_faults([start_fault({"kind": "status", "status": status, "when": "after"})])
        record = start()
        assert running() == [record["sid"]]
        assert what_was_sent(simulator) == sent

    def test_processed_late_does_not_leave_a_second_one(self, simulator, settings, call_sid, running, clock):
        """A start thought lost is processed after its name was stopped: the next start finds the name in use."""
        flow = start_stream(simulator.project, call_sid, url=URL, name=NAME)
        with SignalWireClient(settings) as client:
            late = next(flow)
            stop = flow.throw(SignalWireConnectionError("Lost.", kind="lost"))
            pause = flow.send({"sid": "x", "status": "stopped"})
            client.run(just(late))
            record = client.run(_rest_of(flow, pause))
        assert stop.path.endswith(f"/Streams/{NAME}")
        assert running() == [record["sid"]]
        assert what_was_sent(simulator) == "SSXS"

    @pytest.mark.parametrize(
        ("fault", "error_class"),
        [
            ({"kind": "status", "status": 501}, SignalWireServerError),
            ({"kind": "redirect", "location": "https://example.com/"}, SignalWireResponseError),
        ],
    )
    def test_that_will_be_lost_again_is_not_asked_for_again(
        self, start, simulator, start_fault, clock, fault, error_class
    ):
        simulator.set_faults([start_fault(fault)])
        with pytest.raises(error_class):
            start()
        assert what_was_sent(simulator) == "SX?"
        assert clock.waits == []


def _rest_of(flow, step):
    """Go on with a flow whose present step has not been taken yet."""
    while True:
        try:
            answer = yield step
            step = flow.send(answer)
        except StopIteration as end:
            return end.value
        except SignalWireError as error:
            step = flow.throw(error)


class TestALeftoverThatCannotBeStopped:
    @pytest.mark.parametrize("status", [401, 422, 500])
    def test_is_told_with_the_error(self, start, simulator, start_fault, running, status):
        no_stop = {"kind": "status", "status": status, "times": None, "match": {"path_contains": f"/Streams/{NAME}"}}
        simulator.set_faults([start_fault({"kind": "reset", "when": "after"}), no_stop])
        with pytest.raises(SignalWireConnectionError, match=f"A stream named '{NAME}' may be running") as caught:
            start()
        assert len(running()) == 1
        assert f"SignalWire answered {status}" in str(caught.value)
        assert what_was_sent(simulator).count("S") == 1

    def test_because_it_never_stops_is_told_too(self, start, simulator, start_fault, clock):
        never = {"kind": "patch", "set": {"status": "queued"}, "times": None}
        never["match"] = {"path_contains": f"/Streams/{NAME}"}
        simulator.set_faults([start_fault({"kind": "truncate"}), never])
        with pytest.raises(SignalWireResponseError, match=r"may be running: it could not be stopped\. Gave up waiting"):
            start()
        assert 50 < sum(clock.waits) <= 60.1  # the rest is what the looks themselves took


class TestARefusal:
    def test_of_a_name_in_use_leaves_the_other_stream_alone(self, start, simulator, statuses):
        with pytest.raises(SignalWireRequestError) as caught:
            start(name="another")
        assert "Name 'another' is already in use" in str(caught.value)
        assert "If a stream named 'another' already runs on this call, stop it or choose another name." in str(
            caught.value
        )
        assert what_was_sent(simulator) == "S"
        assert statuses()["another"] == "in-progress"

    def test_of_the_calls_state_says_what_a_stream_needs(self, start, simulator, call_sid):
        simulator.state.end_call(call_sid)
        with pytest.raises(SignalWireRequestError, match="a stream needs a call in progress") as caught:
            start()
        assert caught.value.code == 21220
        assert "already runs" not in str(caught.value)
        assert what_was_sent(simulator) == "S"

    def test_of_an_unknown_call_is_not_followed_by_a_stop(self, run, simulator):
        with pytest.raises(SignalWireNotFoundError):
            run(start_stream(simulator.project, "unknown", url=URL, name=NAME))
        assert what_was_sent(simulator) == "S"

    @pytest.mark.parametrize(
        ("status", "error_class", "attempts"),
        [
            (401, SignalWireAuthenticationError, 1),
            (429, SignalWireRateLimitError, 2),
            (503, SignalWireServerError, 2),
        ],
    )
    def test_that_was_surely_not_processed_is_not_followed_by_a_stop(
        self, start, simulator, start_fault, status, error_class, attempts
    ):
        simulator.set_faults([start_fault({"kind": "status", "status": status}, times=None)])
        with pytest.raises(error_class):
            start()
        assert what_was_sent(simulator) == "S" * attempts

    def test_of_the_connection_is_not_followed_by_a_stop(self, run, simulator, refused_origin, call_sid, clock):
        flow = start_stream(simulator.project, call_sid, url=URL, name=NAME)
        with pytest.raises(SignalWireConnectionError) as caught:
            run(flow, origin=refused_origin, max_attempts=2)
        assert "may be running" not in str(caught.value)
        assert len(clock.waits) == 1

    def test_of_a_wrong_argument_sends_nothing(self, start, simulator):
        with pytest.raises(SignalWireConfigurationError):
            start(url="https://media.example.com", replace_existing=True)
        assert simulator.requests() == []


class TestReplacing:
    def test_a_stream_of_that_name_is_stopped_first(self, start, simulator, running, run, call_sid):
        run(just(endpoints.start_call_stream(simulator.project, call_sid, url=URL, name=NAME)))
        [old] = running()
        record = start(replace_existing=True)
        assert running() == [record["sid"]] != [old]
        assert what_was_sent(simulator) == "SXS"

    def test_no_stream_of_that_name_is_no_obstacle(self, start, simulator, running):
        record = start(replace_existing=True)
        assert running() == [record["sid"]]
        assert what_was_sent(simulator) == "X?S"

    def test_nothing_is_started_when_the_old_stream_cannot_be_stopped(self, start, simulator):
        no_stop = {"kind": "status", "status": 422, "match": {"path_contains": f"/Streams/{NAME}"}}
        simulator.set_faults([no_stop])
        with pytest.raises(SignalWireRequestError):
            start(replace_existing=True)
        assert "S" not in what_was_sent(simulator)
