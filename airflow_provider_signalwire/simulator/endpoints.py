"""The API's endpoints: from a request's path and method to what the state does about it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from urllib.parse import parse_qsl, unquote

from airflow_provider_signalwire.simulator import errors
from airflow_provider_signalwire.simulator.exchange import Answer, Exchange, error_answer, json_answer
from airflow_provider_signalwire.simulator.records import API_PREFIX, Record
from airflow_provider_signalwire.simulator.state import State

Endpoint = Callable[[State, list[str], Exchange], "Record | None"]


def _get_account(state: State, sids: list[str], exchange: Exchange) -> Record:
    return state.account(sids[0])


def _list_calls(state: State, sids: list[str], exchange: Exchange) -> Record:
    return state.list_calls(sids[0], dict(parse_qsl(exchange.query, keep_blank_values=True)))


def _create_call(state: State, sids: list[str], exchange: Exchange) -> Record:
    return state.create_call(sids[0], exchange.form)


def _get_call(state: State, sids: list[str], exchange: Exchange) -> Record:
    return state.call(sids[0], sids[1])


def _update_call(state: State, sids: list[str], exchange: Exchange) -> Record:
    return state.update_call(sids[0], sids[1], exchange.form)


def _delete_call(state: State, sids: list[str], exchange: Exchange) -> None:
    state.delete_call(sids[0], sids[1])


def _start_stream(state: State, sids: list[str], exchange: Exchange) -> Record:
    return state.start_stream(sids[0], sids[1], exchange.form)


def _stop_stream(state: State, sids: list[str], exchange: Exchange) -> Record:
    return state.stop_stream(sids[0], sids[1], sids[2], exchange.form)


def _start_recording(state: State, sids: list[str], exchange: Exchange) -> Record:
    return state.start_recording(sids[0], sids[1], exchange.form)


def _update_recording(state: State, sids: list[str], exchange: Exchange) -> Record:
    return state.update_recording(sids[0], sids[1], sids[2], exchange.form)


# By the words of the path and the number of its segments: words and SIDs take turns. A stream can be started
# and stopped, but not looked at: the API has no GET for it.
_ENDPOINTS: dict[tuple[str, int], dict[str, Endpoint]] = {
    ("Accounts", 2): {"GET": _get_account},
    ("Accounts/Calls", 3): {"GET": _list_calls, "POST": _create_call},
    ("Accounts/Calls", 4): {"GET": _get_call, "POST": _update_call, "DELETE": _delete_call},
    ("Accounts/Calls/Streams", 5): {"POST": _start_stream},
    ("Accounts/Calls/Streams", 6): {"POST": _stop_stream},
    ("Accounts/Calls/Recordings", 5): {"POST": _start_recording},
    ("Accounts/Calls/Recordings", 6): {"POST": _update_recording},
}


def answer(state: State, exchange: Exchange) -> Answer:
    """Do what a request asks for, or refuse it."""
    endpoint: Endpoint | None = None
    try:
        _authenticate(state, exchange)
        endpoint, sids = _find(exchange)
        _authorise(state, endpoint, sids[0])
        if exchange.form_error is not None:
            raise exchange.form_error
        record = endpoint(state, sids, exchange)
    except errors.ApiError as error:
        return error_answer(error, listed=error.status == 400 and endpoint is _create_call)
    return Answer(204, b"", []) if record is None else json_answer(200, record)


def _authenticate(state: State, exchange: Exchange) -> None:
    scheme, _, credentials = exchange.authorization.partition(b" ")
    settings = state.settings
    expected = base64.b64encode(f"{settings.project}:{settings.token}".encode())
    if scheme.lower() != b"basic" or credentials.strip() != expected:
        raise errors.not_authenticated()


def _authorise(state: State, endpoint: Endpoint, account_sid: str) -> None:
    settings = state.settings
    if account_sid != settings.project and account_sid not in settings.subprojects:
        raise errors.not_authenticated(f"The project has no access to account {account_sid}.")
    scope = "Management" if endpoint is _get_account else "Voice"
    if scope not in settings.scopes:
        raise errors.not_authenticated(f"The API token does not have the scope {scope}.")


def _find(exchange: Exchange) -> tuple[Endpoint, list[str]]:
    """Find the endpoint, and the SIDs in the path.

    The path is split before it is decoded: a stream's name may have an encoded slash in it.
    """
    path = exchange.path
    segments = path.removeprefix(API_PREFIX).removesuffix(".json").split("/")[1:]
    methods = _ENDPOINTS.get(("/".join(segments[0::2]), len(segments)))
    sids = [unquote(segment) for segment in segments[1::2]]
    if methods is None or not path.startswith(f"{API_PREFIX}/") or not all(sids):
        raise errors.not_found(path)
    endpoint = methods.get(exchange.method)
    if endpoint is None:
        raise errors.ApiError(
            405,
            errors.METHOD_NOT_ALLOWED,
            f"{exchange.method} is not allowed here.",
            headers={"Allow": ", ".join(methods)},
        )
    return endpoint, sids
