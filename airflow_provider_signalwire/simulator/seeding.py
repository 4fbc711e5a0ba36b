"""Calls put in place at once, in any state and of any age, for tests and demos."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import TypedDict

from airflow_provider_signalwire.simulator.entities import CALL_STATUSES, ENDED_STATUSES, NEVER, Call, Stream


class SeededStream(TypedDict):
    """What a seeded stream can be addressed by."""

    sid: str
    name: str


class SeededCall(TypedDict):
    """What a seeded call and its streams can be addressed by."""

    sid: str
    streams: list[SeededStream]


def seeded_calls(
    accounts: Sequence[str],
    now: float,
    numbers: Iterator[int],
    /,
    *,
    count: int = 1,
    status: str = "in-progress",
    age_seconds: float = 0,
    to: str = "+15550100001",
    from_: str = "+15550100002",
    streams: Sequence[Mapping[str, str]] = (),
    sid: str | None = None,
    account_sid: str | None = None,
    parent_call_sid: str | None = None,
) -> list[Call]:
    """Make calls that stay as they are until somebody changes them.

    :param accounts: the accounts there are, the project first
    :param now: the present moment
    :param numbers: source of the calls' numbers
    :param count: how many calls
    :param status: their status; an ended call ended just now
    :param age_seconds: how long ago they were created, dialed and, if at all, answered
    :param to: the address called
    :param from_: the address that called
    :param streams: streams of each call: ``name``, ``url`` and ``sid``, all optional
    :param sid: the call's SID, when there is one call
    :param account_sid: the account they belong to, the project unless told
    :param parent_call_sid: the call that created them
    :raises ValueError: if this makes no sense
    """
    account_sid = account_sid or accounts[0]
    for text in (to, from_, sid, account_sid, parent_call_sid):
        if text is not None and not isinstance(text, str):
            raise ValueError(f"an address or a sid must be a text, not {text!r}")
    _check(accounts, account_sid, count, status, age_seconds)
    _check_streams(streams, count, sid)
    created_at = now - age_seconds
    was_answered = status in ("in-progress", "completed")
    calls = []
    for _ in range(count):
        call = Call(
            sid=sid or str(uuid.uuid4()),
            account_sid=account_sid,
            to=to,
            from_=from_,
            created_at=created_at,
            dialed_at=NEVER if status == "queued" else created_at,
            answered_at=created_at if was_answered else NEVER,
            number=next(numbers),
            parent_call_sid=parent_call_sid,
        )
        for stream in streams:
            _add_stream(call, stream)
        if status in ENDED_STATUSES:
            call.end(status, now)
        calls.append(call)
    return calls


def _add_stream(call: Call, stream: Mapping[str, str]) -> None:
    sid = stream.get("sid") or str(uuid.uuid4())
    call.streams[sid] = Stream(
        sid=sid,
        call=call,
        name=stream.get("name", ""),
        url=stream.get("url", "wss://media.example.com/stream"),
        started_at=call.created_at,
    )


def _check(accounts: Sequence[str], account_sid: str, count: int, status: str, age_seconds: float) -> None:
    if account_sid not in accounts:
        raise ValueError(f"there is no account {account_sid}")
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError("count must be a whole number, 1 or more")
    if status not in CALL_STATUSES:
        raise ValueError(f"status must be one of {', '.join(CALL_STATUSES)}")
    if isinstance(age_seconds, bool) or not isinstance(age_seconds, int | float) or not 0 <= age_seconds < 1e9:
        raise ValueError("age_seconds must be a number, 0 or more")


def _check_streams(streams: Sequence[Mapping[str, str]], count: int, call_sid: str | None) -> None:
    for stream in streams:
        if not isinstance(stream, Mapping) or not set(stream) <= {"name", "url", "sid"}:
            raise ValueError("a stream takes name, url and sid")
        if not all(isinstance(value, str) for value in stream.values()):
            raise ValueError("a stream's name, url and sid must be texts")
    if count > 1 and (call_sid or any("sid" in stream for stream in streams)):
        raise ValueError("a sid can be given to one call only: count must be 1")
