"""One error of each class, with all its details."""

from __future__ import annotations

from airflow_provider_signalwire.exceptions import (
    SignalWireApiError,
    SignalWireAuthenticationError,
    SignalWireBatchError,
    SignalWireBatchRefusedError,
    SignalWireCallEndedError,
    SignalWireConfigurationError,
    SignalWireConnectionError,
    SignalWireError,
    SignalWireNotFoundError,
    SignalWireRateLimitError,
    SignalWireRequestError,
    SignalWireResponseError,
    SignalWireServerError,
    SignalWireTimeoutError,
    SignalWireUnknownOutcomeError,
)

_DETAILS = {
    "code": 20404,
    "message": "Not there: Café.",
    "more_info": "https://docs.example.com/20404",
    "request_id": "request-1",
}
ERRORS: list[SignalWireError] = [
    SignalWireError("Something."),
    SignalWireConfigurationError("Wrong host."),
    SignalWireConnectionError("No response.", kind="timeout"),
    SignalWireResponseError("No record.", http_status=200, request_id="request-1"),
    SignalWireApiError("Refused.", http_status=418, **_DETAILS),
    SignalWireAuthenticationError("Who are you?", http_status=401, **_DETAILS),
    SignalWireNotFoundError("Not there.", http_status=404, **_DETAILS),
    SignalWireRequestError("Wrong.", http_status=422),
    SignalWireRateLimitError("Too many.", http_status=429, retry_after=1.5, **_DETAILS),
    SignalWireServerError("Oops.", http_status=503, retry_after=None, **_DETAILS),
    SignalWireTimeoutError("Too late.", limit="timeout"),
    SignalWireCallEndedError("Busy."),
    SignalWireUnknownOutcomeError("Perhaps."),
    SignalWireBatchError("2 of 3 streams failed."),
    SignalWireBatchRefusedError("2 of 3 streams were refused."),
]
