"""What must not happen twice is sent again only if it cannot have been processed."""

from __future__ import annotations

import pytest

from airflow_provider_signalwire.client.flows.stop import just
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.exceptions import SignalWireConnectionError, SignalWireError

UNSAFE = {
    "create call": lambda call: endpoints.create_call(call[0], to="+1", from_="+2", url="https://x.example"),
    "start stream": lambda call: endpoints.start_call_stream(*call, url="wss://x.example", name="new"),
    "start recording": lambda call: endpoints.start_call_recording(*call),
    "update call": lambda call: endpoints.update_call(*call, status="completed"),
}
MAYBE_PROCESSED = {
    "500": {"kind": "status", "status": 500},
    "502": {"kind": "status", "status": 502},
    "504": {"kind": "status", "status": 504},
    "reset before": {"kind": "reset"},
    "reset after": {"kind": "reset", "when": "after"},
    "hang": {"kind": "hang", "when": "after"},
    "truncated": {"kind": "truncate"},
    "html": {"kind": "html"},
    "empty": {"kind": "empty"},
    "no record": {"kind": "json", "body": {}},
}


@pytest.mark.parametrize("fault", MAYBE_PROCESSED.values(), ids=MAYBE_PROCESSED)
@pytest.mark.parametrize("build", [UNSAFE["create call"], UNSAFE["start stream"]], ids=["create call", "start stream"])
def test_it_is_sent_once_when_it_may_have_been_processed(run, simulator, target, clock, timeout_for, build, fault):
    simulator.set_faults([{**fault, "times": None}])
    with pytest.raises(SignalWireError):
        run(just(build(target[:2])), timeout=timeout_for(fault))
    assert len(simulator.requests()) == 1
    assert clock.waits == []


@pytest.mark.parametrize("build", UNSAFE.values(), ids=UNSAFE)
def test_every_such_request_is_known_as_unsafe(run, simulator, target, clock, build):
    simulator.set_faults([{"kind": "reset", "when": "after", "times": None}])
    with pytest.raises(SignalWireConnectionError):
        run(just(build(target[:2])))
    assert len(simulator.requests()) == 1


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("build", UNSAFE.values(), ids=UNSAFE)
def test_it_is_sent_again_after_a_refusal_for_now(run, simulator, target, clock, build, status):
    simulator.set_faults([{"kind": "status", "status": status, "times": 2}])
    run(just(build(target[:2])), max_retry_seconds=1000)
    assert len(simulator.requests()) == 3


@pytest.mark.parametrize("build", UNSAFE.values(), ids=UNSAFE)
def test_it_is_sent_again_when_no_connection_was_made(run, target, refused_origin, clock, build):
    with pytest.raises(SignalWireConnectionError):
        run(just(build(target[:2])), origin=refused_origin, max_attempts=3, max_retry_seconds=1000)
    assert len(clock.waits) == 2
