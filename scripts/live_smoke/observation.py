"""Observations: the structure of a response, without values that identify anything."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_signalwire.client.protocol.http import FailedAttempt, HttpResult
from airflow_provider_signalwire.client.protocol.json_body import decode_json

WITHHELD = "(withheld)"

_COMPARED_HEADERS = re.compile(r"request-?id|rate|limit|remaining|reset|retry")
_COMPARED_VALUES = re.compile(r"(errors\[\]\.)?(code|status)")
# A code, or a name without a SID or a telephone number in it.
_PUBLIC_WORD = re.compile(r"\d{1,6}|(?!.*\d{4})(?!.*[0-9a-f]{8}-)[A-Za-z_][\w.+-]{0,39}")
_TYPES = {dict: "object", list: "array", str: "string", int: "integer", float: "number", bool: "boolean"}


@dataclass(frozen=True, kw_only=True)
class Observation:
    """The structure of a response.

    :param outcome: HTTP status, or why there is no response.
    :param content_type: Media type, without parameters.
    :param headers: Names of the headers that concern requests and their limits, in lower case.
    :param other_headers: Names of all other headers.
    :param types: JSON type of each value of the body by its path; an array stands for its first item.
    :param values: The top-level ``status`` and the error codes by their path.
    """

    outcome: str
    content_type: str = "none"
    headers: frozenset[str] = frozenset()
    other_headers: frozenset[str] = frozenset()
    types: dict[str, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """The outcome, and the status or the code in the body."""
        return " ".join([self.outcome, *(f"{path}={value}" for path, value in sorted(self.values.items()))])


class Observer:
    """Creates observations that can be published.

    :param private: Strings that must not be published: token, SIDs, numbers, the Space.
    """

    def __init__(self, private: Iterable[str]) -> None:
        self._private = {text.lower() for text in private if text}

    def hide(self, text: str) -> None:
        """Redact this string in later observations."""
        self._private.add(text.lower())

    def observe(self, response: HttpResult) -> Observation:
        """Return the structure of a response, or the reason why there is none."""
        if isinstance(response, FailedAttempt):
            return Observation(outcome=f"no response ({response.kind})")
        names = frozenset(self._public(name.lower()) for name in response.headers)
        compared = frozenset(name for name in names if _COMPARED_HEADERS.search(name))
        try:
            items = list(self._walk(decode_json(response.body), ""))
        except ValueError as problem:
            items = [("body", str(problem), None)]
        media_type, _, subtype = response.headers.get("content-type", "none").partition(";")[0].strip().partition("/")
        return Observation(
            outcome=str(response.status),
            content_type="/".join(self._public(part.lower()) for part in (media_type, subtype) if part),
            headers=compared,
            other_headers=names - compared,
            types={path: name for path, name, _ in items},
            values={
                path: self._public(str(value))
                for path, _, value in items
                if _COMPARED_VALUES.fullmatch(path) and isinstance(value, str | int)
            },
        )

    def _walk(self, value: Any, path: str) -> Iterator[tuple[str, str, Any]]:
        """Yield the path, type and value of everything in a body."""
        yield path or "body", _TYPES.get(type(value), "null"), value
        if isinstance(value, dict):
            for key, item in value.items():
                yield from self._walk(item, f"{path}.{self._public(key)}" if path else self._public(key))
        elif isinstance(value, list) and value:
            yield from self._walk(value[0], f"{path}[]")

    def _public(self, word: str) -> str:
        """Return a key, header name or code, or a placeholder if it may identify something."""
        lower = word.lower()
        parts = {lower, *re.split("[^a-z0-9]", lower)}
        is_private = any(text in parts or (len(text) > 5 and text in lower) for text in self._private)
        return word if _PUBLIC_WORD.fullmatch(word) and not is_private else WITHHELD


def differences(live: Observation, simulated: Observation, *, nulls_vary: bool) -> tuple[str, ...]:
    """Return the differences between a live and a simulated response.

    :param nulls_vary: Whether to ignore values that are null, and arrays that are empty, in one of them.
    """
    if live.outcome.startswith("no response"):
        return (live.outcome,)
    found = []
    if live.outcome != simulated.outcome:
        found.append(f"HTTP status is {live.outcome}, in the simulator {simulated.outcome}")
    if live.content_type != simulated.content_type:
        found.append(f"content type is {live.content_type}, in the simulator {simulated.content_type}")
    found += _different_names("header", live.headers, simulated.headers)
    ours, theirs = live.types, simulated.types
    if nulls_vary:
        ours, theirs = _without_variable(ours, theirs)
    found += _different_names("key", ours, theirs)
    found += [
        f"type of '{path}' is {ours[path]}, in the simulator {theirs[path]}"
        for path in sorted(ours.keys() & theirs.keys())
        if ours[path] != theirs[path]
    ]
    found += [
        f"'{path}' is {value}, in the simulator {simulated.values[path]}"
        for path, value in sorted(live.values.items())
        if simulated.values.get(path, value) != value
    ]
    return tuple(found)


def _without_variable(live: dict[str, str], simulated: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Drop the values that are null, and the items of arrays that are empty, on one side."""
    dropped = {path for path in live.keys() & simulated.keys() if "null" in (live[path], simulated[path])}
    for one, other in ((live, simulated), (simulated, live)):
        dropped |= {f"{path}[]" for path, name in one.items() if name == "array" and f"{path}[]" not in other}

    def kept(types: dict[str, str]) -> dict[str, str]:
        return {
            path: name
            for path, name in types.items()
            if not any(path == parent or path.startswith((f"{parent}.", f"{parent}[")) for parent in dropped)
        }

    return kept(live), kept(simulated)


def _different_names(kind: str, live: Collection[str], simulated: Collection[str]) -> list[str]:
    return [
        *(f"{kind} '{name}' is missing" for name in sorted(set(simulated) - set(live))),
        *(f"{kind} '{name}' is additional" for name in sorted(set(live) - set(simulated))),
    ]
