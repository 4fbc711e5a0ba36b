"""The errors this provider raises.

Errors that retrying cannot fix (a wrong setting, a refused login, an unknown stream) also derive from
``AirflowFailException``, so that Airflow ends the task at once instead of retrying it.
"""

from __future__ import annotations

from typing import Any, Literal

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

RequestOutcome = Literal["not_processed", "refused", "unknown"]


class SignalWireError(AirflowException):
    """Base class of all errors of this provider.

    :ivar is_transient: Whether a retry may succeed without any change.
    :ivar outcome: What happened to the request at SignalWire: ``not_processed``, ``refused``, or ``unknown`` (it may
        have been processed).
    :ivar attempts: How often the request was sent.
    :ivar seconds: From the first attempt to the last response.
    :ivar after_unknown_outcome: Whether an earlier attempt of the same request may have been processed.
    :ivar retry_after: Seconds that the response asked to wait, if it did.
    """

    is_transient: bool = False
    outcome: RequestOutcome = "not_processed"
    attempts: int = 1
    seconds: float = 0.0
    after_unknown_outcome: bool = False
    retry_after: float | None = None

    @property
    def ends_task(self) -> bool:
        """Whether Airflow ends the task without a retry."""
        return isinstance(self, AirflowFailException)

    def add_advice(self, advice: str) -> None:
        """Append a sentence that tells the user what to do next."""
        self.args = (f"{self} {advice}",)

    def to_event(self) -> dict[str, Any]:
        """Return this error as plain values, so that a trigger's event can carry it to the task."""
        return {"error": type(self).__name__, "message": str(self), "attributes": dict(vars(self))}

    @staticmethod
    def from_event(event: dict[str, Any]) -> SignalWireError:
        """Rebuild the error that :meth:`to_event` described; an unknown one becomes a SignalWireError."""
        error_class = _ERRORS_BY_NAME.get(str(event.get("error")), SignalWireError)
        attributes = event.get("attributes")
        return _rebuild(error_class, str(event.get("message")), attributes if isinstance(attributes, dict) else {})

    def __reduce__(self) -> tuple[Any, ...]:
        # Executors pickle errors. By default, unpickling would call the class with its message alone.
        return _rebuild, (type(self), str(self), dict(vars(self)))


def _rebuild(error_class: type[SignalWireError], message: str, attributes: dict[str, Any]) -> SignalWireError:
    error = error_class.__new__(error_class)
    error.args = (message,)
    vars(error).update(attributes)
    return error


class SignalWireConfigurationError(SignalWireError, AirflowFailException):
    """A connection, a parameter or a setting is wrong; no request was sent."""


class SignalWireConnectionError(SignalWireError):
    """No complete response: the host was not reached, the connection broke, or it took too long.

    :param message: What happened.
    :param kind: ``dns``, ``dns_unavailable``, ``tls``, ``connect``, ``lost``, ``timeout`` or ``malformed``.
    """

    def __init__(self, message: str, *, kind: str) -> None:
        super().__init__(message)
        self.kind = kind

    @property
    def request_was_sent(self) -> bool:
        """Whether SignalWire may have processed the request."""
        return self.outcome != "not_processed"


class SignalWireResponseError(SignalWireError):
    """The response is not a valid record: truncated, not JSON, of another shape, too large, or a redirect.

    :param message: What is wrong with the response.
    :param http_status: HTTP status.
    :param request_id: SignalWire's request id, if the response had one.
    """

    def __init__(self, message: str, *, http_status: int, request_id: str | None = None) -> None:
        super().__init__(message)
        self.http_status = http_status
        self.request_id = request_id


class SignalWireApiError(SignalWireError):
    """SignalWire returned an error.

    :param text: The whole message for the user.
    :param http_status: HTTP status.
    :param code: SignalWire's error code, if the response had one: a number such as ``20404`` or, from the Calling API,
        a word such as ``invalid_state``.
    :param message: SignalWire's own message.
    :param more_info: URL of SignalWire's page on this error.
    :param request_id: SignalWire's request id; its support asks for it.
    :param retry_after: Seconds that the response asked to wait, if it did.
    """

    def __init__(
        self,
        text: str,
        *,
        http_status: int,
        code: int | str | None = None,
        message: str | None = None,
        more_info: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(text)
        self.http_status = http_status
        self.code = code
        self.message = message
        self.more_info = more_info
        self.request_id = request_id
        self.retry_after = retry_after


class SignalWireAuthenticationError(SignalWireApiError, AirflowFailException):
    """401 or 403: the project, the token or the token's scope was refused."""


class SignalWireNotFoundError(SignalWireApiError, AirflowFailException):
    """404: there is no such call, stream, recording or project."""


class SignalWireRequestError(SignalWireApiError, AirflowFailException):
    """Any other 4xx that retrying cannot fix: SignalWire understood the request and refuses it."""


class SignalWireRateLimitError(SignalWireApiError):
    """429: too many requests."""


class SignalWireServerError(SignalWireApiError):
    """408, 425 or 5xx: SignalWire, or a proxy in front of it, failed."""


class SignalWireTimeoutError(SignalWireError):
    """The wait reached its deadline.

    :param message: What did not happen in time.
    :param limit: The parameter that set the deadline: ``timeout`` or ``execution_timeout``.
    """

    limit: str = "timeout"  # for an event of 0.1, which lacks it

    def __init__(self, message: str, *, limit: str = "timeout") -> None:
        super().__init__(message)
        self.limit = limit


class SignalWireCallEndedError(SignalWireError, AirflowFailException):
    """The call ended in another status than the one waited for."""


class SignalWireUnknownOutcomeError(SignalWireError, AirflowFailException):
    """A request may have been processed, and a retry of the task would repeat its effect."""

    outcome: RequestOutcome = "unknown"


class SignalWireBatchError(SignalWireError):
    """Some streams of a batch could not be stopped; a retry of the task may succeed."""


class SignalWireBatchRefusedError(SignalWireBatchError, AirflowFailException):
    """Some streams of a batch could not be stopped, for reasons that retrying cannot fix."""


_ERRORS_BY_NAME = {
    name: value for name, value in globals().items() if isinstance(value, type) and issubclass(value, SignalWireError)
}
