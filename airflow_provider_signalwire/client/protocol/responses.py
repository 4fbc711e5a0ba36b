"""From a response's status, headers and body to a record, or to the error that says what happened."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from http import HTTPStatus
from typing import Any, NamedTuple, TypeVar

from airflow_provider_signalwire.client.protocol.http import HttpResponse
from airflow_provider_signalwire.client.protocol.json_body import decode_json
from airflow_provider_signalwire.client.protocol.redaction import mask_phone_numbers, redact
from airflow_provider_signalwire.client.protocol.request import ApiRequest
from airflow_provider_signalwire.exceptions import (
    RequestOutcome,
    SignalWireApiError,
    SignalWireAuthenticationError,
    SignalWireError,
    SignalWireNotFoundError,
    SignalWireRateLimitError,
    SignalWireRequestError,
    SignalWireResponseError,
    SignalWireServerError,
)

T = TypeVar("T")

TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, *range(520, 525)})

_RATE_LIMIT_CODE = "rate_limit_exceeded"  # the Calling API sends it with status 422

_MAX_MESSAGE_LENGTH = 500
_TEXT_CODE = re.compile("[a-z]+(_[a-z0-9]+)+")
_REQUEST_ID_HEADERS = ("x-request-id", "x-signalwire-request-id", "request-id")

_ADVICE = {
    401: "Check the connection's Project ID and API token, that the token has the scope Voice, and that the "
    "project or subproject is yours.",
    403: "Check that the API token has the required scope.",
    404: "Check the SIDs, and that they belong to the connection's project.",
    429: "The Space's request limit is reached: lower the rate, or allow a longer wait with the connection's "
    "extra max_retry_seconds.",
}
ADVICE_BY_CODE: dict[int | str, str] = {
    21220: "A stream needs a call in progress; a CallStatusSensor waits for it.",
    31922: "Check the stream's url: it must be a wss:// address that SignalWire can reach.",
}


class _ErrorDetails(NamedTuple):
    """The details in the body of an error; any of them may be missing."""

    code: int | str | None = None
    message: str | None = None
    more_info: str | None = None


def classify(*, sent: bool, status: int | None) -> tuple[bool, RequestOutcome]:
    """Return whether a failed attempt is transient, and whether its request was processed.

    :param sent: Whether any byte of the request was written.
    :param status: The status that was received, if any.
    """
    if status is None:
        return True, "unknown" if sent else "not_processed"
    if status == 429:
        return True, "not_processed"
    if status in TRANSIENT_STATUSES or 200 <= status < 300:  # a 2xx fails only by its body
        return True, "unknown"
    return False, "refused" if 400 <= status < 500 else "unknown"


def read_response(request: ApiRequest[T], response: HttpResponse, secrets: Iterable[str] = ()) -> T:
    """Return the record of a response.

    :param request: The request.
    :param response: Its response.
    :param secrets: Secrets that must not appear in an error that quotes the response, besides the request's own.
    :raises SignalWireApiError: the one for its status, if the response is an error.
    :raises SignalWireResponseError: if it is neither an error nor a valid record.
    """
    if not 200 <= response.status < 300:
        raise error_of_status(request, response.status, response.headers, response.body, secrets)
    try:
        return request.read_record(decode_json(response.body) if request.expects_body else None)
    except ValueError as error:
        problem = str(error)
    raise invalid_response(request, response.status, problem, request_id=read_request_id(response.headers, secrets))


def error_of_status(
    request: ApiRequest[Any], status: int, headers: Mapping[str, str], body: bytes, secrets: Iterable[str]
) -> SignalWireError:
    """Return the error for a status that is not a success."""
    request_id = read_request_id(headers, (*secrets, *request.secrets))
    if status < 400:
        redirect = "is a redirect, which is never followed. Check the connection's Space"
        problem = redirect if status >= 300 else "has an unexpected status"
        return invalid_response(request, status, problem, request_id=request_id)
    quote = partial(_quote, secrets=(*secrets, *request.secrets), phone_numbers=request.phone_numbers)
    details = _error_details(body, quote)
    reason = f"{status} {_phrase(status)}" + (f", code {details.code}" if details.code else "")
    said = f": {details.message.rstrip('.')}." if details.message else "."
    kind = 429 if details.code == _RATE_LIMIT_CODE else status
    error = _error_class(kind)(
        f"Could not {request.log_description}: SignalWire returned {reason}{_request_id_suffix(request_id)}{said} "
        f"{_advice(request, kind, details.code)}",
        http_status=status,
        request_id=request_id,
        retry_after=retry_after(headers),
        **details._asdict(),
    )
    error.is_transient, error.outcome = classify(sent=True, status=kind)
    return error


def invalid_response(
    request: ApiRequest[Any], status: int, problem: str, *, request_id: str | None = None
) -> SignalWireResponseError:
    """Return the error for a response that is not a record.

    :param problem: Continues "the response …".
    """
    error = SignalWireResponseError(
        f"Could not {request.log_description}: the response (HTTP {status}{_request_id_suffix(request_id)}) {problem}.",
        http_status=status,
        request_id=request_id,
    )
    error.is_transient, error.outcome = classify(sent=True, status=status)
    return error


def read_request_id(headers: Mapping[str, str], secrets: Iterable[str]) -> str | None:
    """Return SignalWire's request id, if the response has one."""
    value = next((headers[name] for name in _REQUEST_ID_HEADERS if name in headers), None)
    if value is None:
        return None
    # Every response has one, so it is searched only if there is something to find.
    return _one_line(redact(value, secrets) if any(secret in value for secret in secrets) else value)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds a response asks to wait, as a number or as a date; None if it does not.

    A date is relative to the response's own ``Date``, because the server's clock may differ from this machine's.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    until = _http_date(value)
    if until is None:
        return None
    sent_at = _http_date(headers.get("date", ""))
    return max(0.0, until.timestamp() - (sent_at.timestamp() if sent_at else time.time()))


def _error_class(status: int) -> type[SignalWireApiError]:
    if status in (401, 403):
        return SignalWireAuthenticationError
    if status == 404:
        return SignalWireNotFoundError
    if status == 429:
        return SignalWireRateLimitError
    if status >= 500 or status in TRANSIENT_STATUSES:
        return SignalWireServerError
    return SignalWireRequestError


def _advice(request: ApiRequest[Any], status: int, code: int | str | None) -> str:
    own = request.advice.get(code or status) or request.advice.get(status)
    if own:
        return own
    if code in ADVICE_BY_CODE:
        return ADVICE_BY_CODE[code]
    if status in _ADVICE:
        return _ADVICE[status]
    if status in TRANSIENT_STATUSES:
        return "SignalWire or an upstream proxy failed; this is usually transient."
    if status >= 500:
        return "SignalWire or an upstream proxy failed. Check its status page."
    return "Correct the request; retrying cannot help."


def _error_details(body: bytes, quote: Callable[[Any], str | None]) -> _ErrorDetails:
    """Find code, message and more_info in any of the documented shapes of an error body.

    :param quote: Prepares SignalWire's message for ours, without secrets.
    """
    try:
        decoded = decode_json(body)
    except ValueError:
        return _ErrorDetails()
    if isinstance(decoded, dict) and isinstance(decoded.get("errors"), list) and decoded["errors"]:
        decoded = decoded["errors"][0]
    if isinstance(decoded, dict):
        message = quote(decoded.get("message")) or quote(decoded.get("error"))
        return _ErrorDetails(_error_code(decoded.get("code"), quote), message, quote(decoded.get("more_info")))
    return _ErrorDetails(message=quote(decoded))


def _error_code(code: Any, quote: Callable[[Any], str | None]) -> int | str | None:
    """Read a code: a number, a numeric string, or a word of the Calling API."""
    if isinstance(code, str) and _TEXT_CODE.fullmatch(code) and quote(code) == code:
        return code
    is_code = isinstance(code, (int, str)) and not isinstance(code, bool)
    digits = str(code) if is_code else ""
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 9 else None


def _quote(text: Any, *, secrets: tuple[str, ...], phone_numbers: tuple[str, ...]) -> str | None:
    """Prepare SignalWire's message for an error: one line, without secrets and telephone numbers."""
    if not isinstance(text, str):
        return None
    return _one_line(mask_phone_numbers(redact(text, secrets), known=phone_numbers))


def _one_line(text: str) -> str | None:
    """Make a string from outside fit for a log line: no control characters, bounded length."""
    if text.isprintable() and len(text) <= _MAX_MESSAGE_LENGTH:
        return text.strip() or None
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:_MAX_MESSAGE_LENGTH] or None


def _http_date(value: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "(unknown status)"


def _request_id_suffix(request_id: str | None) -> str:
    return f", request id {request_id}" if request_id else ""
