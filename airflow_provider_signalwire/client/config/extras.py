"""Parsing of the connection's extras, as ``provider_info.EXTRAS`` describes them."""

from __future__ import annotations

import json
import logging
import math
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_signalwire.client.config.network import parse_proxy
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError
from airflow_provider_signalwire.provider_info import EXTRAS, Extra

log = logging.getLogger(__name__)

_NAME = re.compile("[A-Za-z_]{1,40}")


def read_extras(extra: str | Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the values of the extras that are given. No message quotes one: it may be a pasted token.

    Connection URIs can carry only strings, so ``"10"`` and ``"false"`` are read as a number and a boolean. An unknown
    extra is ignored and logged as a warning.

    :param extra: The connection's Extra, as JSON or decoded.
    :raises SignalWireConfigurationError: if it is not a JSON object, or a value has the wrong type or range.
    """
    given = _decode(extra)
    unknown = [name for name in given if name not in EXTRAS]
    if unknown:
        log.warning(
            "The SignalWire connection has unknown extras; they are ignored: %s. Known: %s.",
            ", ".join(sorted(_log_name(name) for name in unknown[:20])),
            ", ".join(EXTRAS),
        )
    # A form sends an empty string for an empty field.
    return {
        name: _PARSERS[description.kind](name, given[name], description)
        for name, description in EXTRAS.items()
        if given.get(name) not in (None, "")
    }


def _log_name(name: object) -> str:
    return name if isinstance(name, str) and _NAME.fullmatch(name) else "(a name that is not shown)"


def _decode(extra: str | Mapping[str, Any] | None) -> Mapping[str, Any]:
    if isinstance(extra, str):
        try:
            extra = json.loads(extra) if extra.strip() else None
        except (ValueError, RecursionError):  # the latter for JSON that is nested too deeply
            raise SignalWireConfigurationError(
                'The connection\'s Extra is not valid JSON: expected an object such as {"timeout": 10}.'
            ) from None
    if extra is None:
        return {}
    if not isinstance(extra, Mapping):
        raise SignalWireConfigurationError(
            f'The connection\'s Extra is a JSON {type(extra).__name__}: expected an object such as {{"timeout": 10}}.'
        )
    return extra


def _invalid(name: str, problem: str, expected: str) -> SignalWireConfigurationError:
    return SignalWireConfigurationError(f"The connection's extra '{name}' is {problem}: expected {expected}.")


def _describe(value: object) -> str:
    """Describe a value without showing it."""
    if isinstance(value, str):
        return f"a string of {len(value)} characters"
    return f"of type {type(value).__name__}"


def _parse_number(name: str, value: object, extra: Extra) -> float:
    minimum, maximum = extra.minimum or 0.0, extra.maximum or math.inf
    kind = "an integer" if extra.kind == "integer" else f"a number of {extra.unit}"
    expected = f"{kind} from {minimum:g} to {maximum:g}"
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise _invalid(name, _describe(value), expected)
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise _invalid(name, _describe(value), expected) from None
    if not minimum <= number <= maximum:
        raise _invalid(name, "out of range", expected)
    if extra.kind != "integer":
        return number
    if number != int(number):
        raise _invalid(name, "a fraction", expected)
    return int(number)


def _parse_boolean(name: str, value: object, extra: Extra) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise _invalid(name, _describe(value), "true or false")


def _parse_path(name: str, value: object, extra: Extra) -> str:
    expected = "the path of a PEM file or of a directory of PEM files"
    if not isinstance(value, str):
        raise _invalid(name, _describe(value), expected)
    if value.lstrip().startswith("-----BEGIN"):
        raise _invalid(name, "the content of a file", expected)
    if not os.path.exists(value):
        raise _invalid(name, "a path that does not exist on the machine that runs the task", expected)
    return value


_PARSERS: dict[str, Callable[[str, object, Extra], Any]] = {
    "number": _parse_number,
    "integer": _parse_number,
    "boolean": _parse_boolean,
    "path": _parse_path,
    "proxy": lambda name, value, extra: parse_proxy(f"The connection's extra '{name}'", value),
}
