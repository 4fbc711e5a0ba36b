"""Starting a stream so that exactly one runs: a start whose answer is lost must leave no orphan."""

from __future__ import annotations

import logging
import random
import time
from typing import Any

from airflow_provider_signalwire.client.flows.stop import Flow, Pause
from airflow_provider_signalwire.client.flows.wait import wait_until_stream_stopped
from airflow_provider_signalwire.client.policy.retry import may_pass, was_surely_not_processed
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.client.protocol.records import StreamRecord
from airflow_provider_signalwire.client.protocol.responses import ADVICE_BY_CODE
from airflow_provider_signalwire.exceptions import (
    SignalWireAuthenticationError,
    SignalWireConfigurationError,
    SignalWireError,
    SignalWireNotFoundError,
    SignalWireRequestError,
)

log = logging.getLogger(__name__)

# Each round is a start and, if nobody can tell whether it was processed, the stop of what it may have started.
_ROUNDS = 3
_LEFTOVER_POLL_SECONDS = 1.0
_LEFTOVER_STOP_SECONDS = 60.0


def start_stream(
    account_sid: str, call_sid: str, *, name: str, replace_existing: bool = False, **options: Any
) -> Flow[StreamRecord]:
    """Start a stream under a name; after a failure that leaves its outcome open, stop that name and start anew.

    :param name: The stream's name, unique on its call.
    :param replace_existing: First stop a stream of that name, which an earlier try may have left.
    :param options: As :func:`~airflow_provider_signalwire.client.protocol.endpoints.start_call_stream` takes them.
    """
    request = endpoints.start_call_stream(account_sid, call_sid, name=name, **options)
    if replace_existing:
        yield from _stop_by_name(account_sid, call_sid, name)
    attempt = 1
    while True:
        try:
            record: StreamRecord = yield request
        except SignalWireError as failure:
            is_first = request.delivery.attempts <= 1
            may_start_anew = yield from _recover(failure, account_sid, call_sid, name, is_first=is_first)
            if not may_start_anew or attempt == _ROUNDS:
                raise
        else:
            return record
        yield Pause(random.uniform(0, 2**attempt))  # noqa: S311 - jitter needs no secrecy
        attempt += 1


def _recover(failure: SignalWireError, account_sid: str, call_sid: str, name: str, *, is_first: bool) -> Flow[bool]:
    """See to it that a failed start left no stream running; return whether to start anew."""
    is_refusal = isinstance(failure, SignalWireRequestError)
    if isinstance(failure, SignalWireRequestError) and is_first:
        if failure.code not in ADVICE_BY_CODE:  # else SignalWire has said that it is not the name
            failure.add_advice(f"If a stream named {name!r} already runs on this call, stop it or choose another name.")
        return False
    # A refusal of a later attempt may come of one before it, which was processed after all under the same name.
    if was_surely_not_processed(failure) or not (is_refusal or _outcome_is_open(failure)):
        return False
    log.warning("%s Making sure that no stream named %r was left running.", failure, name)
    try:
        yield from _stop_by_name(account_sid, call_sid, name)
    except SignalWireError as error:
        failure.add_advice(f"A stream named {name!r} may be running: it could not be stopped. {error}")
        return False
    return is_refusal or may_pass(failure)


def _outcome_is_open(failure: SignalWireError) -> bool:
    refused = (SignalWireConfigurationError, SignalWireAuthenticationError, SignalWireNotFoundError)
    return not isinstance(failure, refused)


def _stop_by_name(account_sid: str, call_sid: str, name: str) -> Flow[None]:
    """Stop the stream of that name, if there is one, and see it stopped: only then is its name free again."""
    yield from wait_until_stream_stopped(
        account_sid,
        call_sid,
        name,
        poll_interval=_LEFTOVER_POLL_SECONDS,
        deadline=time.time() + _LEFTOVER_STOP_SECONDS,
        ignore_if_missing=True,
    )
