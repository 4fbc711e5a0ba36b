"""Refusals, in the two shapes the API documents for them."""

from __future__ import annotations

MORE_INFO = "https://signalwire.com/docs/compatibility-api/reference/errors"

# The documented error codes this simulator answers with.
INVALID_ARGUMENT = 10000  # also: the call has already ended
INTERNAL_ERROR = 20001
NOT_AUTHENTICATED = 20003
METHOD_NOT_ALLOWED = 20004
NOT_FOUND = 20404
TOO_MANY_REQUESTS = 20429
UNAVAILABLE = 20504
WRONG_CALL_STATE = 21220
INVALID_STREAM_URL = 31922

_CODE_OF_STATUS = {
    401: NOT_AUTHENTICATED,
    403: NOT_AUTHENTICATED,
    404: NOT_FOUND,
    405: METHOD_NOT_ALLOWED,
    429: TOO_MANY_REQUESTS,
    502: UNAVAILABLE,
    503: UNAVAILABLE,
    504: UNAVAILABLE,
}


class ApiError(Exception):
    """A request refused.

    :param status: HTTP status of the answer
    :param code: SignalWire's error code
    :param messages: what is wrong, one text per problem
    :param headers: further headers of the answer
    """

    def __init__(self, status: int, code: int, *messages: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(*messages)
        self.status = status
        self.code = code
        self.messages = messages
        self.headers = headers or {}

    def record(self) -> dict[str, object]:
        """Return the usual error body."""
        return {
            "code": self.code,
            "message": " ".join(self.messages),
            "more_info": MORE_INFO,
            "status": self.status,
        }

    def listed_record(self) -> dict[str, object]:
        """Return the body that creating a call documents for status 400: a list, with codes as text."""
        return {
            "errors": [
                {"code": str(self.code), "message": message, "more_info": MORE_INFO} for message in self.messages
            ]
        }


def code_for(status: int) -> int:
    """Return the error code that usually goes with an HTTP status."""
    return _CODE_OF_STATUS.get(status, INTERNAL_ERROR if status >= 500 else INVALID_ARGUMENT)


def not_authenticated(message: str = "Authentication failed") -> ApiError:
    """Return the refusal of credentials, of an account, or of a token without the scope."""
    return ApiError(401, NOT_AUTHENTICATED, message)


def not_found(what: str) -> ApiError:
    """Return the refusal of something that does not exist."""
    return ApiError(404, NOT_FOUND, f"The requested resource was not found: {what}.")


def invalid(message: str) -> ApiError:
    """Return the refusal of an argument whose value is wrong."""
    return ApiError(422, INVALID_ARGUMENT, message)


def malformed(*messages: str) -> ApiError:
    """Return the refusal of a request that cannot be read as one."""
    return ApiError(400, INVALID_ARGUMENT, *messages)


def wrong_state(message: str) -> ApiError:
    """Return the refusal of a request that the call's present state rules out."""
    return ApiError(422, WRONG_CALL_STATE, message)
