"""Acting the faults out: what each kind does to an exchange."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from airflow_provider_signalwire.simulator import errors
from airflow_provider_signalwire.simulator.exchange import (
    Answer,
    Exchange,
    encode_headers,
    error_answer,
    json_answer,
)

if TYPE_CHECKING:
    from airflow_provider_signalwire.simulator.faults import Fault

Process = Callable[[], Answer]
Options = dict[str, Any]

_HTML = b"<!DOCTYPE html>\n<html><head><title>Error</title></head><body><h1>Bad gateway</h1></body></html>\n"
_DRIPS = 20
_TIME_TO_READ = 0.05
_PART = 64 * 1024


async def act(fault: Fault, exchange: Exchange, process: Process) -> None:
    """Let a request go wrong.

    :param process: does what the request asks for and returns the answer; left out by the kinds of fault that
        strike before the request is processed
    """
    await _ACTS[fault.kind](fault.options, exchange, process)


async def _status(options: Options, exchange: Exchange, process: Process) -> None:
    status, body, headers = options["status"], options["body"], options["headers"]
    if options["when"] == "after":
        process()
    if body is None:
        error = errors.ApiError(status, errors.code_for(status), "The simulator was told to fail.", headers=headers)
        await exchange.answer(error_answer(error))
    elif isinstance(body, str):
        plain = (b"content-type", b"text/plain; charset=utf-8")
        await exchange.answer(Answer(status, body.encode(), [plain, *encode_headers(headers)]))
    else:
        await exchange.answer(json_answer(status, body, headers))


async def _reset(options: Options, exchange: Exchange, process: Process) -> None:
    if options["when"] != "before":
        answer = process()
        if options["when"] == "middle":
            await exchange.start(answer.status, answer.headers, len(answer.body))
            await exchange.send_body(answer.body[: len(answer.body) // 2], more=True)
            # A reset overtakes what the client has not read yet: give it time to read.
            await exchange.hang(_TIME_TO_READ)
    await exchange.reset()


async def _hang(options: Options, exchange: Exchange, process: Process) -> None:
    answer = process() if options["when"] == "after" else None
    if await exchange.hang(options["seconds"]):
        await exchange.answer(answer or process())
    else:
        await exchange.reset()


async def _slow(options: Options, exchange: Exchange, process: Process) -> None:
    answer = process()
    await exchange.start(answer.status, answer.headers, len(answer.body))
    size = max(1, len(answer.body) // _DRIPS)
    parts = [answer.body[at : at + size] for at in range(0, len(answer.body), size)]
    for part in parts:
        if not await exchange.hang(options["seconds"] / len(parts)):
            await exchange.reset()
            return
        await exchange.send_body(part, more=True)
    await exchange.send_body(b"")


async def _truncate(options: Options, exchange: Exchange, process: Process) -> None:
    answer = process()
    await exchange.answer(Answer(answer.status, answer.body[: len(answer.body) // 2], answer.headers))


async def _html(options: Options, exchange: Exchange, process: Process) -> None:
    await exchange.answer(Answer(options["status"], _HTML, [(b"content-type", b"text/html; charset=utf-8")]))


async def _empty(options: Options, exchange: Exchange, process: Process) -> None:
    await exchange.answer(Answer(200, b"", [(b"content-type", b"application/json; charset=utf-8")]))


async def _json(options: Options, exchange: Exchange, process: Process) -> None:
    await exchange.answer(json_answer(options["status"], options["body"]))


async def _patch(options: Options, exchange: Exchange, process: Process) -> None:
    answer = process()
    if answer.body:
        record = {**json.loads(answer.body), **options["set"]}
        kept = {key: value for key, value in record.items() if key not in options["drop"]}
        answer.body = json.dumps(kept).encode()
    await exchange.answer(answer)


async def _oversize(options: Options, exchange: Exchange, process: Process) -> None:
    frame = b'{"sid":""}'
    size: int = options["bytes"]
    body = frame[:-2] + b"x" * (size - len(frame)) + frame[-2:]
    await exchange.start(200, [(b"content-type", b"application/json; charset=utf-8")], size)
    # In parts, so that the server waits for a slow reader and notices one who has gone.
    for at in range(0, size, _PART):
        await exchange.send_body(body[at : at + _PART], more=True)
        await asyncio.sleep(0)
    await exchange.send_body(b"")


async def _redirect(options: Options, exchange: Exchange, process: Process) -> None:
    await exchange.answer(Answer(options["status"], b"", encode_headers({"Location": options["location"]})))


_ACTS: dict[str, Callable[[Options, Exchange, Process], Awaitable[None]]] = {
    "status": _status,
    "reset": _reset,
    "hang": _hang,
    "slow": _slow,
    "truncate": _truncate,
    "html": _html,
    "empty": _empty,
    "json": _json,
    "patch": _patch,
    "oversize": _oversize,
    "redirect": _redirect,
}
