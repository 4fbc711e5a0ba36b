"""Every wait ends alike and sends the same requests.

Operator and sensor, in the worker, rescheduled and deferred, for streams of calls and of conferences.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowSensorTimeout
from simulated import READS, STOPS, call_returns, http_status, stop_always_returns, stop_returns

from airflow_provider_signalwire.exceptions import SignalWireTimeoutError
from airflow_provider_signalwire.operators.call_stream import StopCallStreamOperator
from airflow_provider_signalwire.operators.conference_stream import StopConferenceStreamOperator
from airflow_provider_signalwire.sensors.call import CallStatusSensor
from airflow_provider_signalwire.sensors.call_stream import CallStreamStatusSensor
from airflow_provider_signalwire.sensors.conference_stream import ConferenceStreamStatusSensor

SENSOR_MODES: dict[str, dict[str, Any]] = {
    "poke": {"mode": "poke"},
    "reschedule": {"mode": "reschedule"},
    "deferrable": {"deferrable": True},
}
STOPPED = '"status": "stopped"'
DERIVED = '"name": null, "sid": "STREAM", "status": "stopped"'
STABLE_KEYS = ("sid", "account_sid", "call_sid", "conference_sid", "name", "status", "uri")
CALL_ENDS = {
    "match": READS,
    "skip": 1,
    "times": None,
    "kind": "patch",
    "set": {"status": "completed", "end_time": "Sun, 22 Nov 2026 07:55:26 +0000"},
}


@dataclass
class Scenario:
    """What SignalWire returns, and what the wait does then.

    :param faults: The simulator's faults.
    :param outcome: A part of the record as JSON, or the error's class and a part of its message.
    :param requests: The requests: S stops the stream, C reads the call.
    :param pauses: The pauses between them.
    :param ids: Ids to ask for instead of the stream's own.
    """

    faults: list[dict[str, Any]]
    outcome: str | tuple[str, str]
    requests: str
    pauses: list[float] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)


STREAM_SCENARIOS = {
    "stops at once": Scenario([], STOPPED, "S"),
    "stops after three polls": Scenario(stop_returns("queued", "in-progress"), STOPPED, "SCSCS", [60, 60]),
    "named stream is stopped by its sid": Scenario(
        stop_returns("queued"), STOPPED, "SCS", [60], ids={"stream_sid": "media"}
    ),
    "call ends while stops return queued": Scenario([stop_always_returns("queued"), CALL_ENDS], DERIVED, "SCSC", [60]),
    "not found on a live call": Scenario(
        [], ("SignalWireNotFoundError", "The call is 'in-progress'."), "SC", ids={"stream_sid": "unknown"}
    ),
    "call not found": Scenario([], ("SignalWireNotFoundError", "There is no call"), "SC", ids={"call_sid": "gone"}),
    "not found after an accepted stop": Scenario([*stop_returns("queued"), http_status(404)], DERIVED, "SCSC", [60]),
    "transient failures in between": Scenario(
        [
            http_status(503, times=1),
            *stop_returns("queued"),
            {"match": STOPS, "kind": "reset"},
        ],
        STOPPED,
        "SSCSS",
        [60, 60, 30],
    ),
    "retry-after is waited for": Scenario(
        [http_status(429, times=1, headers={"Retry-After": "90"})], STOPPED, "SS", [90]
    ),
    "retry-after exceeds the deadline": Scenario(
        [*stop_returns("queued"), http_status(429, headers={"Retry-After": "91"})],
        ("Timeout", "its last status was 'queued'. The last poll failed: "),
        "SCSS",
        [60, 90],
    ),
    "login refused": Scenario([http_status(401)], ("SignalWireAuthenticationError", "API token"), "S"),
    "login refused during the wait": Scenario(
        [*stop_returns("queued"), http_status(403)], ("SignalWireAuthenticationError", "scope"), "SCS", [60]
    ),
    "timeout": Scenario(
        [*stop_returns("queued"), stop_always_returns("in-progress")],
        ("Timeout", "stream 'STREAM' on call 'CALL' to stop at the deadline: its last status was 'in-progress'."),
        "SCSCSCSC",
        [60, 60, 30],
    ),
    "transient failures until the deadline": Scenario(
        [http_status(503)], ("Timeout", "no poll returned a status. The last poll failed: "), "SSSS", [60, 60, 30]
    ),
}
CALL_SCENARIOS = {
    "has the status at once": Scenario(call_returns("completed"), '"status": "completed"', "C"),
    "has the status later": Scenario(
        call_returns("queued", "ringing", "in-progress", "completed"), '"status": "completed"', "CCCC", [60, 60, 30]
    ),
    "ends otherwise": Scenario(
        call_returns("ringing", "no-answer"),
        ("SignalWireCallEndedError", "ended as 'no-answer', so it will never be 'completed' or 'busy'."),
        "CC",
        [60],
    ),
    "call not found": Scenario([], ("SignalWireNotFoundError", "gone"), "C", ids={"call_sid": "gone"}),
    "transient failures in between": Scenario(
        [*call_returns("ringing"), http_status(502, times=1, match=READS), *call_returns("completed")],
        '"status": "completed"',
        "CCC",
        [60, 60],
    ),
    "login refused": Scenario([http_status(401, match=READS)], ("SignalWireAuthenticationError", "API token"), "C"),
    "timeout": Scenario(
        [*call_returns(*["ringing"] * 4)],
        ("Timeout", "call 'CALL' to be 'completed' or 'busy' at the deadline: its last status was 'ringing'."),
        "CCCC",
        [60, 60, 30],
    ),
}


def for_conference(scenario):
    """The same scenario with a conference in place of the call."""
    to_conference = {"/Calls/": "/Conferences/", "call": "conference", "CALL": "CONFERENCE"}
    parts = json.dumps([scenario.faults, scenario.outcome, scenario.ids])
    for found, replacement in to_conference.items():
        parts = parts.replace(found, replacement)
    faults, outcome, ids = json.loads(parts)
    return replace(scenario, faults=faults, outcome=outcome, ids=ids)


# Those in which the call matters.
CONFERENCE_SCENARIOS = {
    name: for_conference(scenario)
    for name, scenario in STREAM_SCENARIOS.items()
    if "call" in name or name in ("stops at once", "timeout")
}


def sensors(sensor_class, **arguments):
    common = {"task_id": "task", "poke_interval": 60, "timeout": 150, **arguments}
    return {mode: partial(sensor_class, **common, **options) for mode, options in SENSOR_MODES.items()}


def stream_tasks(operator_class, sensor_class):
    stop = partial(operator_class, task_id="task", wait_for_completion=True, poll_interval=60, timeout=150)
    return {"operator": stop, "deferred operator": partial(stop, deferrable=True), **sensors(sensor_class)}


def call_sensor(*, call_sid, stream_sid, **arguments):
    return CallStatusSensor(call_sid=call_sid, target_statuses=["completed", "busy"], **arguments)


class TestWaits:
    @pytest.fixture(autouse=True)
    def one_attempt(self, make_connection):
        make_connection(extra={"max_attempts": 1})

    @pytest.mark.parametrize("scenario", STREAM_SCENARIOS.values(), ids=STREAM_SCENARIOS)
    def test_for_a_stream_end_alike(self, simulator, run_task, scenario):
        check(simulator, run_task, scenario, stream_tasks(StopCallStreamOperator, CallStreamStatusSensor))

    @pytest.mark.parametrize("scenario", CONFERENCE_SCENARIOS.values(), ids=CONFERENCE_SCENARIOS)
    def test_for_a_stream_of_a_conference_end_alike(self, simulator, run_task, scenario):
        tasks = stream_tasks(StopConferenceStreamOperator, ConferenceStreamStatusSensor)
        check(simulator, run_task, scenario, tasks, noun="conference")

    @pytest.mark.parametrize("scenario", CALL_SCENARIOS.values(), ids=CALL_SCENARIOS)
    def test_for_a_call_end_alike(self, simulator, run_task, scenario):
        check(simulator, run_task, scenario, sensors(call_sensor))


def check(simulator, run_task, scenario, tasks, noun="call"):
    first = None
    for name, make_task in tasks.items():
        simulator.reset(stop_delay_ms=0)
        seed = simulator.seed if noun == "call" else simulator.seed_conferences
        [parent] = seed(streams=[{"name": "media"}])
        sid = parent["streams"][0]["sid"]
        simulator.set_faults(scenario.faults)
        run_task.clock.pauses.clear()

        outcome = _outcome(
            run_task, partial(make_task, **{f"{noun}_sid": parent["sid"], "stream_sid": sid, **scenario.ids})
        )

        requests = [(request["method"], request["path"]) for request in simulator.requests()]
        pauses = [round(pause) for pause in run_task.clock.pauses]
        replaced = {parent["sid"]: noun.upper(), sid: "STREAM", simulator.project: "PROJECT"}
        seen = [_replace(outcome, replaced), _replace(requests, replaced), pauses]
        assert _letters(requests) == scenario.requests, (name, outcome)
        assert pauses == scenario.pauses, name
        expected = (scenario.outcome,) if isinstance(scenario.outcome, str) else scenario.outcome
        assert all(part in seen[0] for part in expected), (name, seen[0])
        first = first or seen
        assert seen == first, name


@pytest.mark.parametrize(
    ("mode", "deferrals", "reschedules"), [("poke", 0, 0), ("reschedule", 0, 2), ("deferrable", 1, 0)]
)
def test_waits_leave_the_worker_as_their_mode_says(simulator, stream, run_task, mode, deferrals, reschedules):
    simulator.set_faults(stop_returns("queued", "queued"))
    run_task(partial(sensors(CallStreamStatusSensor)[mode], **stream))
    assert (len(run_task.deferrals), len(run_task.reschedules)) == (deferrals, reschedules)


def _outcome(run_task, make_task):
    try:
        record = run_task(make_task)
    except (SignalWireTimeoutError, AirflowSensorTimeout) as error:
        return f"Timeout: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return json.dumps({key: record.get(key) for key in STABLE_KEYS}, sort_keys=True)


def _letters(requests):
    return "".join("S" if method == "POST" else "C" for method, _ in requests)


def _replace(value, replaced):
    text = re.sub(r"request id [\w-]+", "request id ID", str(value))
    for found, replacement in replaced.items():
        text = text.replace(found, replacement)
    return text
