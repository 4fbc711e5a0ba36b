"""From an answer's status, headers and body to a record, or to the error that says what happened."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from http import HTTPStatus
from typing import Any, NamedTuple

from airflow_provider_signalwire.client.protocol.json_body import decode_json
from airflow_provider_signalwire.client.protocol.records import Record
from airflow_provider_signalwire.client.protocol.redaction import mask_phone_numbers, redact
from airflow_provider_signalwire.client.protocol.request import ApiRequest
from airflow_provider_signalwire.exceptions import (
    SignalWireApiError,
    SignalWireAuthenticationError,
    SignalWireNotFoundError,
    SignalWireRateLimitError,
    SignalWireRequestError,
    SignalWireResponseError,
    SignalWireServerError,
)

MAX_BODY_BYTES = 16 * 1024 * 1024
_MAX_MESSAGE_LENGTH = 500
_MAX_STATUS_LENGTH = 100
_REQUEST_ID_HEADERS = ("X-Request-Id", "X-SignalWire-Request-Id", "Request-Id")

_ADVICE = {
    401: "Check the connection's Project ID and API token, that the token has the scope Voice, and that the "
    "project or subproject is yours.",
    403: "Check that the API token may do this.",
    404: "Check the SIDs, and that they belong to the connection's project.",
    429: "The Space's request limit is reached: lower the rate, or allow a longer wait with the connection's "
    "extra max_retry_seconds.",
}
ADVICE_BY_CODE = {
    21220: "The call is not in a state that allows it: a stream needs a call in progress.",
    31922: "Check the stream's url: it has to be a wss:// address that SignalWire can reach.",
}


def read_answer(
    request: ApiRequest,
    *,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    secrets: Iterable[str] = (),
) -> Record:
    """Return the record an answer holds.

    :param request: What was asked.
    :param status: The answer's HTTP status.
    :param headers: Its headers; a mapping that ignores case.
    :param body: Its body, whole.
    :param secrets: What must not appear in an error, should the answer quote it, besides the request's own secrets.
    The request keeps SignalWire's id of it, which a record does not have.

    :raises SignalWireApiError: the one for its status, if the answer is an error.
    :raises SignalWireResponseError: if it is neither an error nor a valid record.
    """
    request_id = request.delivery.request_id = _request_id(headers, (*secrets, *request.secrets))
    if status >= 400:
        quoted = partial(_quoted, secrets=(*secrets, *request.secrets), phone_numbers=request.phone_numbers)
        raise _api_error(request, status, headers, _error_details(body, quoted), request_id)
    problem = ""
    if 200 <= status < 300:
        if request.read_record is None:
            return {}
        try:
            return request.read_record(decode_json(body))
        except ValueError as error:
            problem = str(error)
    elif 300 <= status < 400:
        problem = "is a redirect, which is never followed; check the connection's Host (Space)"
    else:
        problem = "is none this provider knows"
    raise SignalWireResponseError(
        f"Tried to {request.shown}: the answer (HTTP {status}{_shown(request_id)}) {problem}.",
        http_status=status,
        request_id=request_id,
    )


def _request_id(headers: Mapping[str, str], secrets: Collection[str]) -> str | None:
    value = next((headers[name] for name in _REQUEST_ID_HEADERS if name in headers), None)
    if value is None:
        return None
    # Every answer has one, so it is looked through only if there is something to find.
    return _one_line(redact(value, secrets) if any(secret in value for secret in secrets) else value)


def stream_record(body: Any, *, call_sid: str, stream_sid: str) -> Record:
    """Check a stream's record, and that it is about the stream asked for, by SID or by name."""
    record = _record(body, "stream")
    if not _same(record.get("call_sid", call_sid), call_sid):
        raise ValueError("is about another call")
    name = record.get("name")
    if name is not None and not _same(record["sid"], stream_sid) and not _same(name, stream_sid):
        raise ValueError("is about another stream")
    return record


def call_record(body: Any, *, call_sid: str | None = None) -> Record:
    """Check a call's record, and that it is about the call asked for."""
    record = _record(body, "call")
    if call_sid is not None and not _same(record["sid"], call_sid):
        raise ValueError("is about another call")
    return record


def recording_record(body: Any) -> Record:
    """Check a recording's record."""
    return _record(body, "recording")


def account_record(body: Any) -> Record:
    """Check a project's record."""
    return _record(body, "project")


def page_of_calls(body: Any) -> Record:
    """Check a page of calls: its calls, and the way to the next page."""
    if not isinstance(body, dict) or not isinstance(body.get("calls"), list):
        raise ValueError("is not a page of calls")
    next_page_uri = body.get("next_page_uri")
    if next_page_uri is not None and not _is_local_path(next_page_uri):
        raise ValueError("names a next page that is not a path below /api/laml/")
    return body


def _record(body: Any, kind: str) -> Record:
    if not isinstance(body, dict):
        raise ValueError(f"is not a {kind} record")
    for key in ("sid", "status"):
        if not isinstance(body.get(key), str) or not body[key]:
            raise ValueError(f"is not a {kind} record: it has no text {key!r}")
    if len(body["status"]) > _MAX_STATUS_LENGTH:  # it is shown in logs and errors, and stored while a task waits
        raise ValueError(f"is not a {kind} record: its 'status' is no word")
    return body


def _same(received: Any, asked: str) -> bool:
    return isinstance(received, str) and received.casefold() == asked.casefold()


def _is_local_path(uri: Any) -> bool:
    """Tell whether a page's address stays on this host; the token must not be sent to any other."""
    # It is sent as it is, so it has to be fit for a request line.
    return isinstance(uri, str) and re.fullmatch(r"/api/laml/[!-\[\]-~]*", uri) is not None


def _api_error(
    request: ApiRequest,
    status: int,
    headers: Mapping[str, str],
    details: _ErrorDetails,
    request_id: str | None,
) -> SignalWireApiError:
    reason = f"{status} {_phrase(status)}" + (f", code {details.code}" if details.code else "")
    said = f": {details.message.rstrip('.')}." if details.message else "."
    text = (
        f"Tried to {request.shown}: SignalWire answered {reason}{_shown(request_id)}{said} "
        f"{_advice(status, details.code)}"
    )
    answer = {"http_status": status, "request_id": request_id, **details._asdict()}
    if status == 429:
        return SignalWireRateLimitError(text, retry_after=retry_after(headers), **answer)
    if status >= 500:
        return SignalWireServerError(text, retry_after=retry_after(headers), **answer)
    error_class = _ERROR_CLASSES.get(status, SignalWireRequestError)
    return error_class(text, **answer)


_ERROR_CLASSES: dict[int, type[SignalWireApiError]] = {
    401: SignalWireAuthenticationError,
    403: SignalWireAuthenticationError,
    404: SignalWireNotFoundError,
}


def _advice(status: int, code: int | None) -> str:
    if code in ADVICE_BY_CODE:
        return ADVICE_BY_CODE[code]
    if status >= 500:
        return "SignalWire or a proxy on the way failed; it may pass."
    return _ADVICE.get(status, "Correct the request: sending it again cannot help.")


class _ErrorDetails(NamedTuple):
    code: int | None = None
    message: str | None = None
    more_info: str | None = None


def _error_details(body: bytes, quoted: Callable[[Any], str | None]) -> _ErrorDetails:
    """Find code, message and more_info in any of the shapes an error body is documented in."""
    try:
        decoded = decode_json(body)
    except ValueError:
        return _ErrorDetails()
    if isinstance(decoded, dict) and isinstance(decoded.get("errors"), list) and decoded["errors"]:
        decoded = decoded["errors"][0]
    if isinstance(decoded, dict):
        return _ErrorDetails(
            _error_code(decoded.get("code")), quoted(decoded.get("message")), quoted(decoded.get("more_info"))
        )
    return _ErrorDetails(message=quoted(decoded))


def _error_code(code: Any) -> int | None:
    """Read a code that may be a number or a numeric text."""
    is_code = isinstance(code, (int, str)) and not isinstance(code, bool)
    digits = str(code) if is_code else ""
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 9 else None


def _quoted(text: Any, *, secrets: tuple[str, ...], phone_numbers: tuple[str, ...]) -> str | None:
    """Make SignalWire's words fit for an error: one line, and without what was sent in confidence."""
    if not isinstance(text, str):
        return None
    return _one_line(mask_phone_numbers(redact(text, secrets), known=phone_numbers))


def _one_line(text: str) -> str | None:
    """Make a text from elsewhere fit for a log line: no control characters, no endless length."""
    if text.isprintable() and len(text) <= _MAX_MESSAGE_LENGTH:
        return text.strip() or None
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:_MAX_MESSAGE_LENGTH] or None


def body_too_large(request: ApiRequest, status: int) -> SignalWireResponseError:
    """Describe an answer that no record can need; it is not read to its end."""
    return SignalWireResponseError(
        f"Tried to {request.shown}: the answer (HTTP {status}) is larger than {MAX_BODY_BYTES} bytes.",
        http_status=status,
    )


def retry_after(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Return the seconds an answer asks to wait, written as seconds or as a date; None if it does not."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - (now or datetime.now(UTC))).total_seconds())


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "(an unknown status)"


def _shown(request_id: str | None) -> str:
    return f", request id {request_id}" if request_id else ""
