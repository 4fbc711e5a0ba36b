"""Flows that receive any responses, and the properties that every outcome must have."""

from __future__ import annotations

import dataclasses
import json
import pickle
from collections.abc import Callable, Iterable
from typing import Any

import scripted
from scripted import Always, lost, response

from airflow_provider_signalwire.client.flows import calls
from airflow_provider_signalwire.client.flows.pages import RecordPager
from airflow_provider_signalwire.client.flows.start import StreamStart
from airflow_provider_signalwire.client.flows.stop import StopResult, stop_stream
from airflow_provider_signalwire.client.flows.wait import CallPoller, StreamPoller
from airflow_provider_signalwire.client.policy.steps import Flow, send
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.client.protocol.http import HttpResult
from airflow_provider_signalwire.client.protocol.json_body import check_storable
from airflow_provider_signalwire.exceptions import SignalWireError

IDS = ("project", "call", "stream")
TOKEN = "PT-secret-of-the-fuzzer"
URL_KEY = "key-secret-of-the-fuzzer"
SETTINGS = dataclasses.replace(scripted.SETTINGS, api_token=TOKEN, max_attempts=1)

MAX_ERROR_LENGTH = 10_000
STREAM_KEYS = ("sid", "account_sid", "call_sid", "name", "status", "date_updated", "uri")


def _list_calls() -> Flow[list[Any]]:
    pager = RecordPager(first=endpoints.list_calls("project"))
    listed: list[Any] = []
    while not pager.exhausted:
        listed += yield from pager.next_page()
    return listed


def _start() -> Flow[Any]:
    request = endpoints.start_call_stream("project", "call", name="stream", url=f"wss://x/?key={URL_KEY}")
    return (yield from StreamStart(request, account_sid="project", parent_sid="call", name="stream").run()).record


def _send(request: Any) -> Flow[Any]:
    return (yield from send(request)).record


FLOWS: dict[str, Callable[[], Flow[Any]]] = {
    "stop": lambda: stop_stream(*IDS),
    "stop if there": lambda: stop_stream(*IDS, ignore_if_missing=True),
    "poll": lambda: StreamPoller(*IDS).poll(None),
    "poll call": lambda: CallPoller("project", "call", ("completed",)).poll(None),
    "list": _list_calls,
    "start": _start,
    "account": lambda: _send(endpoints.get_account("project")),
    "create": lambda: _send(endpoints.create_call("project", to="+1", from_="+2")),
    "hang up": lambda: calls.update_call("project", "call", status="completed"),
    "delete": lambda: calls.delete_call("project", "call"),
    "record": lambda: _send(endpoints.start_call_recording("project", "call")),
    "pause recording": lambda: calls.update_call_recording(*IDS, status="paused"),
}


def read_example(data: bytes) -> tuple[str, list[HttpResult]]:
    """Read a flow's name and its responses from bytes; any bytes are an example.

    The first line names the flow. The responses follow, each as in HTTP: a line with the status, one for each header,
    an empty line, and the body. A line of four equals signs separates two responses.
    """
    first, _, rest = data.partition(b"\n")
    name = first.decode("latin-1")
    if name not in FLOWS:
        name = list(FLOWS)[sum(first) % len(FLOWS)]
    return name, [_read_response(part) for part in rest.split(b"\n====\n")]


def _read_response(data: bytes) -> HttpResult:
    head, _, body = data.partition(b"\n\n")
    status, *lines = head.decode("latin-1").split("\n")
    headers = dict(line.split(": ", 1) for line in lines if ": " in line)
    number = int(status) if status.isascii() and status.isdigit() and len(status) <= 9 else sum(head)
    return response(number if 100 <= number <= 999 else 100 + number % 900, body, headers)


def run(name: str, responses: list[HttpResult]) -> scripted.Run:
    """Run a flow; after the last response, the connection breaks."""
    return scripted.run(FLOWS[name](), *responses, Always(lost()), settings=SETTINGS)


def check_outcome(name: str, responses: list[HttpResult]) -> None:
    """Run a flow and check its outcome; anything but a SignalWireError passes through."""
    outcome = run(name, responses)
    if outcome.error is not None:
        check_error(outcome.error, (*SETTINGS.secrets, URL_KEY) if name == "start" else SETTINGS.secrets)
    else:
        check_result(name, outcome.result)


def check_error(error: SignalWireError, secrets: Iterable[str]) -> None:
    """An error is one printable line without secrets, and the same after an event and after pickling."""
    text = str(error)
    assert text.isprintable(), text
    assert len(text) < MAX_ERROR_LENGTH, len(text)
    event = json.dumps(error.to_event(), allow_nan=False)
    assert not [secret for secret in secrets if secret in text or secret in event], text
    for rebuilt in (SignalWireError.from_event(json.loads(event)), pickle.loads(pickle.dumps(error))):
        assert type(rebuilt) is type(error)
        assert (str(rebuilt), vars(rebuilt)) == (text, vars(error))


def check_result(name: str, result: Any) -> None:
    """A result is what the caller may rely on, and Airflow can store it."""
    if isinstance(result, StopResult):
        check_stop(result.record, result.outcome, may_be_missing=name == "stop if there")
        return
    check_storable(result)
    if name == "list":
        assert all(_has_strings(call, "sid", "status") for call in result)
    elif result is None:
        assert name in ("poll", "poll call", "delete")
    else:
        assert _has_strings(result, "sid", "status")


def check_stop(record: Any, outcome: str, *, may_be_missing: bool) -> None:
    """The record of a stop is SignalWire's own; for an ended call, it has the seven keys of any stream."""
    check_storable(record)
    if outcome == "missing":
        assert may_be_missing
        assert record is None
        return
    assert _has_strings(record, "sid", "status")
    if outcome == "already_ended":
        assert tuple(record) == STREAM_KEYS
        assert _has_strings(record, "sid", "call_sid", "status", "uri", "account_sid")
        assert all(record[key] is None or isinstance(record[key], str) for key in ("name", "date_updated"))


def _has_strings(record: Any, *keys: str) -> bool:
    return isinstance(record, dict) and all(isinstance(record[key], str) and record[key] for key in keys)
