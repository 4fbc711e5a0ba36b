"""The events that a client reports, for metrics."""

from __future__ import annotations

from airflow_provider_signalwire.exceptions import (
    SignalWireAuthenticationError,
    SignalWireConnectionError,
    SignalWireError,
    SignalWireNotFoundError,
    SignalWireRateLimitError,
    SignalWireRequestError,
    SignalWireResponseError,
    SignalWireServerError,
)

OUTCOME_OK = "ok"
OUTCOME_BY_ERROR: dict[type[SignalWireError], str] = {
    SignalWireAuthenticationError: "authentication_failed",
    SignalWireNotFoundError: "not_found",
    SignalWireRequestError: "refused",
    SignalWireRateLimitError: "rate_limited",
    SignalWireServerError: "server_error",
    SignalWireResponseError: "invalid_response",
    SignalWireConnectionError: "connection_error",
}


class Observer:
    """Ignores all events; a subclass overrides those it wants. No method may raise or block."""

    def on_request_finished(self, operation: str, outcome: str, seconds: float) -> None:
        """Handle the end of an attempt to send a request."""

    def on_request_retried(self, operation: str) -> None:
        """Handle the decision to send a request again."""

    def on_rate_limited(self, operation: str, seconds: float) -> None:
        """Handle the pause after a 429."""

    def on_stream_stopped(self, outcome: str) -> None:
        """Handle a stream that is known to be stopped or missing."""

    def on_batch_progress(self, streams_per_second: float) -> None:
        """Handle a batch's rate, every few seconds while it runs."""


NULL_OBSERVER = Observer()
