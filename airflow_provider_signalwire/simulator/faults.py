"""Faults: which requests are to go wrong, and how.

A fault is given as JSON: ``{"match": {…}, "times": 1, "skip": 0, "probability": 1, "seed": null, "kind": …}``
and what its kind takes besides. :mod:`~airflow_provider_signalwire.simulator.misbehaviour` acts them out.
"""

from __future__ import annotations

import dataclasses
import random
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_provider_signalwire.simulator.records import API_PREFIX

MEBIBYTE = 1024 * 1024
REQUIRED = object()

_HEADER_NAME = re.compile(r"[A-Za-z0-9-]+")

Check = Callable[[Any], bool]


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_seconds(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= 86_400


def _is_status(value: Any) -> bool:
    return _is_whole(value) and 200 <= value <= 599


def _is_header_map(value: object) -> bool:
    return isinstance(value, dict) and all(
        _HEADER_NAME.fullmatch(name) and isinstance(text, str) and text.isprintable() for name, text in value.items()
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Option:
    """One key a kind of fault takes: its default, what it must be, and that in words."""

    default: Any
    check: Check
    meaning: str


_STATUS = Option(200, _is_status, "an HTTP status from 200 to 599")
_SECONDS = Option(REQUIRED, _is_seconds, "a number of seconds, at most a day")
_BEFORE_OR_AFTER = Option("before", lambda value: value in ("before", "after"), "before or after")

KINDS: dict[str, dict[str, Option]] = {
    "status": {
        "status": dataclasses.replace(_STATUS, default=REQUIRED),
        "headers": Option({}, _is_header_map, "an object of header names and texts"),
        "body": Option(None, lambda value: True, "any JSON value, or a text"),
        "when": _BEFORE_OR_AFTER,
    },
    "reset": {
        "when": Option("before", lambda value: value in ("before", "middle", "after"), "before, middle or after")
    },
    "hang": {
        "seconds": dataclasses.replace(_SECONDS, default=3600),
        "when": _BEFORE_OR_AFTER,
    },
    "slow": {"seconds": _SECONDS},
    "truncate": {},
    "html": {"status": _STATUS},
    "empty": {},
    "json": {"status": _STATUS, "body": Option(REQUIRED, lambda value: True, "any JSON value")},
    "patch": {
        "set": Option({}, lambda value: isinstance(value, dict), "an object"),
        "drop": Option(
            [],
            lambda value: isinstance(value, list) and all(isinstance(key, str) for key in value),
            "a list of keys",
        ),
    },
    "oversize": {
        "bytes": Option(20 * MEBIBYTE, lambda value: _is_whole(value) and value >= 10, "a number of bytes, 10 or more")
    },
    "redirect": {
        "location": Option(REQUIRED, lambda value: isinstance(value, str) and value.isprintable(), "a URL"),
        "status": Option(302, lambda value: _is_status(value) and 300 <= value <= 399, "a status from 300 to 399"),
    },
}

_COMMON: dict[str, Option] = {
    "match": Option({}, lambda value: isinstance(value, dict), "an object"),
    "times": Option(1, lambda value: value is None or (_is_whole(value) and value > 0), "1 or more, or null: always"),
    "skip": Option(0, lambda value: _is_whole(value) and value >= 0, "0 or more"),
    "probability": Option(1, lambda value: _is_number(value) and 0 <= value <= 1, "a number from 0 to 1"),
    "seed": Option(None, lambda value: value is None or _is_whole(value), "a whole number"),
}
_MATCH_KEYS = ("method", "path_contains", "path")


class Fault:
    """One fault, and how often it was met and fired.

    :param description: the fault as JSON
    :raises ValueError: if it is not one
    """

    def __init__(self, description: object) -> None:
        if not isinstance(description, Mapping):
            raise ValueError(f"a fault must be an object, not {description!r}")
        kind = description.get("kind")
        if not isinstance(kind, str) or kind not in KINDS:
            raise ValueError(f"unknown kind {kind!r}: use {', '.join(KINDS)}")
        known = _COMMON | KINDS[kind]
        for key in description:
            if key != "kind" and key not in known:
                raise ValueError(f"unknown key {key!r}: kind {kind} takes {', '.join(known)}")
        self.description = dict(description)
        self.kind: str = kind
        self.options = {key: _value(description, key, option) for key, option in KINDS[kind].items()}
        common = {key: _value(description, key, option) for key, option in _COMMON.items()}
        self.match = _match(common["match"])
        self.times: int | None = common["times"]
        self.skip: int = common["skip"]
        self.probability: float = common["probability"]
        # Chance with a seed is what a test can repeat; nothing secret hangs on it.
        self._random = random.Random(common["seed"])  # noqa: S311
        self.fired = 0
        self._skipped = 0

    def fires(self, method: str, path: str) -> bool:
        """Tell whether this request is to go wrong, and count it."""
        if self.times is not None and self.fired >= self.times:
            return False
        if not self._matches(method, path):
            return False
        if self._skipped < self.skip:
            self._skipped += 1
            return False
        if self.probability < 1 and self._random.random() >= self.probability:
            return False
        self.fired += 1
        return True

    def _matches(self, method: str, path: str) -> bool:
        match = self.match
        return (
            match.get("method", method).upper() == method
            and match.get("path_contains", "") in path
            and ("path" not in match or match["path"] == path.removeprefix(API_PREFIX).removesuffix(".json"))
        )


class FaultList:
    """The faults in force. The first that fires has the request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def replace(self, descriptions: object) -> None:
        """Put other faults in force.

        :param descriptions: a list of faults as JSON
        :raises ValueError: if one of them is no fault; then the old ones stay
        """
        if not isinstance(descriptions, Sequence) or isinstance(descriptions, str):
            raise ValueError("faults must be a list")
        faults = []
        for number, description in enumerate(descriptions):
            try:
                faults.append(Fault(description))
            except ValueError as error:
                raise ValueError(f"fault {number}: {error}") from None
        with self._lock:
            self._faults = faults

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault this request runs into, if any.

        :param path: the path as it was sent, percent-encoded
        """
        if not self._faults:
            return None
        with self._lock:
            return next((fault for fault in self._faults if fault.fires(method, path)), None)

    def describe(self) -> list[dict[str, Any]]:
        """Return the faults as they were given, each with how often it fired."""
        with self._lock:
            return [{**fault.description, "fired": fault.fired} for fault in self._faults]


def _value(description: Mapping[str, Any], key: str, option: Option) -> Any:
    value = description.get(key, option.default)
    if value is REQUIRED:
        raise ValueError(f"{key} is missing: {option.meaning}")
    if not option.check(value):
        raise ValueError(f"{key} must be {option.meaning}, not {value!r}")
    return value


def _match(match: dict[str, Any]) -> dict[str, str]:
    for key, value in match.items():
        if key not in _MATCH_KEYS:
            raise ValueError(f"unknown key {key!r} in match: it takes {', '.join(_MATCH_KEYS)}")
        if not isinstance(value, str):
            raise ValueError(f"{key} in match must be a text, not {value!r}")
    return match
