"""Flows that are answered with whatever bytes there are, and what has to hold of every outcome."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from requests.structures import CaseInsensitiveDict

from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.client.flows import stop as flows
from airflow_provider_signalwire.client.flows import wait as waiting
from airflow_provider_signalwire.client.flows.start import start_stream
from airflow_provider_signalwire.client.policy.observer import NOBODY, Attempt
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.client.protocol.request import ApiRequest
from airflow_provider_signalwire.client.protocol.responses import read_answer
from airflow_provider_signalwire.exceptions import SignalWireConnectionError, SignalWireError

IDS = ("project", "call", "stream")
TOKEN = "PT-that-nobody-may-read"
URL_KEY = "key-that-nobody-may-read"
SETTINGS = ClientSettings(origin="https://acme.signalwire.com", project_id="project", api_token=TOKEN)

START_WITH_KEY = endpoints.start_call_stream("project", "call", name="stream", url=f"wss://x/?key={URL_KEY}")
LONGEST_ERROR = 10_000
STREAM_KEYS = ("sid", "account_sid", "call_sid", "name", "status", "date_updated", "uri")


class Answer(NamedTuple):
    """What came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes


def _list_calls() -> flows.Flow[list[Any]]:
    pager = flows.CallPager(first=endpoints.list_calls("project"))
    calls: list[Any] = []
    while not pager.exhausted:
        calls += yield from pager.next_page()
    return calls


# What an example asks SignalWire for.
FLOWS = {
    "stop": lambda: flows.stop_stream_and_tell_how(*IDS),
    "stop if there": lambda: flows.stop_stream_and_tell_how(*IDS, ignore_if_missing=True),
    "look": lambda: waiting.look_at_stream(*IDS),
    "look at call": lambda: waiting.look_at_call("project", "call", ("completed",)),
    "list": _list_calls,
    "start": lambda: start_stream("project", "call", name="stream", url="wss://x/"),
    "start with a key": lambda: flows.just(START_WITH_KEY),
    "account": lambda: flows.just(endpoints.get_account("project")),
    "create": lambda: flows.just(endpoints.create_call("project", to="+1", from_="+2")),
    "hang up": lambda: flows.just(endpoints.update_call("project", "call", status="completed")),
    "delete": lambda: flows.just(endpoints.delete_call("project", "call")),
    "record": lambda: flows.just(endpoints.start_call_recording("project", "call")),
    "pause recording": lambda: flows.just(endpoints.update_call_recording(*IDS, status="paused")),
}


def read_example(data: bytes) -> tuple[str, list[Answer]]:
    """Read a flow's name and the answers to it from bytes; any bytes at all mean something.

    The first line names the flow. Then come the answers, each as in HTTP: a line with the status, one for each header,
    an empty one, and the body. A line of four equals signs stands between two answers.
    """
    first, _, rest = data.partition(b"\n")
    name = first.decode("latin-1")
    if name not in FLOWS:
        name = list(FLOWS)[sum(first) % len(FLOWS)]
    return name, [_read_answer(answer) for answer in rest.split(b"\n====\n")]


def _read_answer(data: bytes) -> Answer:
    head, _, body = data.partition(b"\n\n")
    status, *lines = head.decode("latin-1").split("\n")
    headers = dict(line.split(": ", 1) for line in lines if ": " in line)
    number = int(status) if status.isascii() and status.isdigit() and len(status) <= 9 else sum(head)
    return Answer(number if 100 <= number <= 999 else 100 + number % 900, headers, body)


def run(flow: flows.Flow[Any], answers: Iterator[Answer]) -> Any:
    """Drive a flow as the clients do; when there are no more answers, the connection breaks."""
    try:
        step = next(flow)
        while True:
            try:
                received = None if isinstance(step, flows.Pause) else _receive(step, answers)
            except SignalWireError as error:
                step = flow.throw(error)
            else:
                step = flow.send(received)
    except StopIteration as end:
        return end.value


def _receive(request: ApiRequest, answers: Iterator[Answer]) -> Any:
    answer = next(answers, None)
    with Attempt(request, NOBODY):
        if answer is None:
            raise SignalWireConnectionError("The connection broke.", kind="lost")
        return read_answer(
            request,
            status=answer.status,
            headers=CaseInsensitiveDict(answer.headers),
            body=answer.body,
            secrets=SETTINGS.secrets,
        )


def judge(name: str, answers: list[Answer]) -> SignalWireError | None:
    """Run a flow on answers and check its outcome; anything but a SignalWireError passes through.

    :return: the error it ended with, if it did.
    """
    try:
        result = run(FLOWS[name](), iter(answers))
    except SignalWireError as error:
        judge_error(error, secrets=(*SETTINGS.secrets, *([URL_KEY] if name == "start with a key" else [])))
        return error
    judge_result(name, result)
    return None


def judge_error(error: SignalWireError, secrets: Iterable[str]) -> None:
    """An error is one readable line without secrets, and survives its way through the database and processes."""
    text = str(error)
    assert text.isprintable(), text
    assert len(text) < LONGEST_ERROR, len(text)
    event = json.dumps(error.to_event(), allow_nan=False)
    assert not [secret for secret in secrets if secret in text or secret in event], text
    for rebuilt in (SignalWireError.from_event(json.loads(event)), pickle.loads(pickle.dumps(error))):
        assert type(rebuilt) is type(error)
        assert (str(rebuilt), vars(rebuilt)) == (text, vars(error))


def judge_result(name: str, result: Any) -> None:
    """A result is what the flow's caller may rely on, in plain JSON."""
    if name.startswith("stop"):
        judge_stop(result.record, result.how, may_be_missing=name == "stop if there")
        return
    json.dumps(result, allow_nan=False)
    if name == "list":
        assert all(_has_texts(call, "sid", "status") for call in result)
    elif name == "delete":
        assert result == {}
    else:
        assert _has_texts(result, "sid", "status")


def judge_stop(record: Any, how: str, *, may_be_missing: bool) -> None:
    """A stop's record is SignalWire's own; one derived from the ended call has the seven keys of any stream."""
    json.dumps(record, allow_nan=False)
    if how == "missing":
        assert may_be_missing
        assert record is None
        return
    assert _has_texts(record, "sid", "status")
    if how == "already_ended":
        assert tuple(record) == STREAM_KEYS
        assert _has_texts(record, "sid", "call_sid", "status", "uri")
        assert isinstance(record["account_sid"], str)
        assert all(record[key] is None or isinstance(record[key], str) for key in ("name", "date_updated"))


def _has_texts(record: Any, *keys: str) -> bool:
    return isinstance(record, dict) and all(isinstance(record[key], str) and record[key] for key in keys)
