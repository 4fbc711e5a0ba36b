"""Errors in the shapes that the APIs document, and parsing of JSON bodies."""

from __future__ import annotations

import http.client
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json

WRONG_CALL_STATE = 21220
INVALID_STREAM_URL = 31922

_MORE_INFO = "https://signalwire.com/docs/compatibility-api/reference/errors"
_NATIVE_INFO = "https://signalwire.com/docs/apis/error-codes"
_CODE_BY_STATUS = {401: 20003, 403: 20003, 404: 20404, 405: 20004, 429: 20429, 502: 20504, 503: 20504, 504: 20504}


class StrictModel(BaseModel):
    """A model that converts no value, allows no unknown key, and shows no value in its errors."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class ApiError(Exception):
    """A refused request, with one message per problem."""

    def __init__(
        self,
        status: int,
        *messages: str,
        code: int | str | None = None,  # by default the usual one of the status
        attribute: str | None = None,  # the parameter that the Calling API names
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(*messages)
        self.status, self.messages, self.headers = status, messages, headers or {}
        self.code, self.attribute = code, attribute

    def body(self, shape: str) -> dict[str, object]:
        """Return the body in one of the documented shapes, by the name of its schema."""
        code = self.code or _CODE_BY_STATUS.get(self.status, 20001 if self.status >= 500 else 10000)
        message = " ".join(self.messages)
        match shape:
            case "ErrorList":  # status 400 of creating a call
                codes = {"code": str(code), "more_info": _MORE_INFO}
                return {"errors": [{**codes, "message": one} for one in self.messages]}
            case "ErrorTexts":  # status 422 of conference streams
                return {"errors": list(self.messages)}
            case "NativeError":
                return {"error": http.client.responses.get(self.status, "Unknown")}
            case "NativeErrors":
                name = self.code or ("rate_limit_exceeded" if self.status == 429 else "invalid_parameter")
                error = {"type": "validation_error", "code": name, "message": message, "url": _NATIVE_INFO}
                return {"errors": [error | ({"attribute": self.attribute} if self.attribute else {})]}
            case "ControlError":
                return {"error": message}
        return {"code": code, "message": message, "more_info": _MORE_INFO, "status": self.status}


def not_found(what: str) -> ApiError:
    """Return the error for something that does not exist."""
    return ApiError(404, f"The requested resource was not found: {what}.")


def parse_json(body: bytes) -> Any:
    """Parse a body; an empty one is an empty object. If it is not JSON, the error is 400."""
    try:
        # Unlike json.loads, it refuses NaN, lone surrogates, more than 200 levels, and integers that json cannot write.
        return from_json(body or b"{}", allow_inf_nan=False)
    except ValueError as error:
        raise ApiError(400, f"The body is not valid JSON: {error}.") from None


def parse_json_object(body: bytes) -> dict[str, Any]:
    """Parse a body that must be an object. If it is not, the error is 400."""
    value = parse_json(body)
    if not isinstance(value, dict):
        raise ApiError(400, "The request body must be a JSON object.")
    return value


def describe_problem(error: ValueError) -> str:
    """Return what is wrong; of pydantic's errors the first, without the value: it may be a secret."""
    if not isinstance(error, ValidationError):
        return str(error)
    problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in problem["loc"])
    return f"{where}: {problem['msg']}" if where else problem["msg"]
