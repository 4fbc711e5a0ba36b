"""The errors this provider raises.

What no retry can mend (a wrong setting, a refused login, an unknown stream) is an
``AirflowFailException`` as well, so that Airflow ends the task at once instead of trying it again.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException


class SignalWireError(AirflowException):
    """Anything that went wrong between Airflow and SignalWire."""

    def add_advice(self, advice: str) -> None:
        """Append a sentence that tells the user what to do next."""
        self.args = (f"{self} {advice}",)

    def to_event(self) -> dict[str, Any]:
        """Describe this error in plain values, so that a trigger's event can carry it to the task."""
        return {"error": type(self).__name__, "message": str(self), "attributes": dict(vars(self))}

    @staticmethod
    def from_event(event: dict[str, Any]) -> SignalWireError:
        """Rebuild the error that :meth:`to_event` described; an unknown one becomes a SignalWireError."""
        error_class = _ERRORS_BY_NAME.get(str(event.get("error")), SignalWireError)
        attributes = event.get("attributes")
        return _rebuilt(error_class, str(event.get("message")), attributes if isinstance(attributes, dict) else {})

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickling, as executors do it, would else call the class with its message alone.
        return _rebuilt, (type(self), str(self), dict(vars(self)))


def _rebuilt(error_class: type[SignalWireError], message: str, attributes: dict[str, Any]) -> SignalWireError:
    error = error_class.__new__(error_class)
    error.args = (message,)
    vars(error).update(attributes)
    return error


class SignalWireConfigurationError(SignalWireError, AirflowFailException):
    """A connection, a parameter or a setting is wrong; no request was sent."""


class SignalWireConnectionError(SignalWireError):
    """No answer came: the host was not reached, or the connection broke, or it took too long.

    :param message: What happened.
    :param kind: ``dns``, ``dns-unavailable``, ``tls``, ``connect`` (none of which sent the request),
        ``lost`` or ``timeout`` (the request may have been processed).
    """

    def __init__(self, message: str, *, kind: str) -> None:
        super().__init__(message)
        self.kind = kind

    @property
    def request_was_sent(self) -> bool:
        """Whether SignalWire may have processed the request."""
        return self.kind in ("lost", "timeout")


class SignalWireResponseError(SignalWireError):
    """An answer came that is no valid record: cut off, not JSON, of another shape, or a redirect.

    :param message: What is wrong with the answer.
    :param http_status: The answer's HTTP status.
    :param request_id: SignalWire's id of the request, if the answer carried one.
    """

    def __init__(self, message: str, *, http_status: int, request_id: str | None = None) -> None:
        super().__init__(message)
        self.http_status = http_status
        self.request_id = request_id


class SignalWireApiError(SignalWireError):
    """SignalWire answered with an error.

    :param text: The whole sentence for the user.
    :param http_status: The answer's HTTP status.
    :param code: SignalWire's error code, e.g. ``20404``, if the answer carried one.
    :param message: SignalWire's own words.
    :param more_info: Address of SignalWire's page on this error.
    :param request_id: SignalWire's id of the request; its support asks for it.
    """

    def __init__(
        self,
        text: str,
        *,
        http_status: int,
        code: int | None = None,
        message: str | None = None,
        more_info: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(text)
        self.http_status = http_status
        self.code = code
        self.message = message
        self.more_info = more_info
        self.request_id = request_id


class SignalWireAuthenticationError(SignalWireApiError, AirflowFailException):
    """401 or 403: the project, the token or the token's scope was refused."""


class SignalWireNotFoundError(SignalWireApiError, AirflowFailException):
    """404: there is no such call, stream, recording or project."""


class SignalWireRequestError(SignalWireApiError, AirflowFailException):
    """Any other 4xx: SignalWire understood the request and refuses it."""


class SignalWireRateLimitError(SignalWireApiError):
    """429: too many requests.

    :param retry_after: Seconds that SignalWire asked to wait, if it did.
    """

    def __init__(self, text: str, *, retry_after: float | None = None, **answer: Any) -> None:
        super().__init__(text, **answer)
        self.retry_after = retry_after


class SignalWireServerError(SignalWireApiError):
    """5xx: SignalWire, or a proxy on the way to it, failed.

    :param retry_after: Seconds that the server asked to wait, if it did.
    """

    def __init__(self, text: str, *, retry_after: float | None = None, **answer: Any) -> None:
        super().__init__(text, **answer)
        self.retry_after = retry_after


class SignalWireTimeoutError(SignalWireError):
    """The time given for waiting is over, and what was waited for has not happened."""


class SignalWireCallEndedError(SignalWireError, AirflowFailException):
    """The call ended in another way than the one waited for."""


class SignalWireBatchError(SignalWireError):
    """Some streams of a batch could not be stopped; a retry of the task may mend it."""


class SignalWireBatchRefusedError(SignalWireBatchError, AirflowFailException):
    """Some streams of a batch could not be stopped, and no retry can mend any of them."""


_ERRORS_BY_NAME = {
    error_class.__name__: error_class
    for error_class in (
        SignalWireConfigurationError,
        SignalWireConnectionError,
        SignalWireResponseError,
        SignalWireApiError,
        SignalWireAuthenticationError,
        SignalWireNotFoundError,
        SignalWireRequestError,
        SignalWireRateLimitError,
        SignalWireServerError,
        SignalWireTimeoutError,
        SignalWireCallEndedError,
    )
}
