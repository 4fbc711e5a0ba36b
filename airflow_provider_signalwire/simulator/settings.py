"""How one simulator is set up: who may call it, how slow it is, how much it takes."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_PROJECT = "5a1c0f6e-9d34-4b7a-8f21-c0ffee000001"
SCOPES = ("Voice", "Management")

# What a reset may change: the behaviour, never the identity a client is configured with.
CHANGEABLE = ("latency_ms", "answer_delay_ms", "stop_delay_ms", "rate_limit")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Settings of a simulator.

    :param project: Project ID, the user name of the API
    :param token: API token, the password of the API
    :param subprojects: further account SIDs the token reaches
    :param scopes: scopes of the token: ``Voice``, ``Management``
    :param latency_ms: pause before each API answer
    :param answer_delay_ms: time from the creation of a call to its being answered
    :param stop_delay_ms: time from the request to stop a stream to its being stopped
    :param rate_limit: ``N/SECONDS`` for POST, PUT and PATCH together, or None
    :param signing_key: key the status callbacks are signed with
    """

    project: str = DEFAULT_PROJECT
    token: str = dataclasses.field(default="PT-simulator-token", repr=False)
    subprojects: tuple[str, ...] = ()
    scopes: tuple[str, ...] = SCOPES
    latency_ms: float = 0
    answer_delay_ms: float = 500
    stop_delay_ms: float = 500
    rate_limit: str | None = None
    signing_key: str = dataclasses.field(default="simulator-signing-key", repr=False)

    def __post_init__(self) -> None:
        for name in ("project", "token", "signing_key"):
            if not getattr(self, name):
                raise ValueError(f"{name} must not be empty")
        if ":" in self.project:
            raise ValueError("project must not contain a colon: HTTP Basic cannot carry it")
        for name in ("latency_ms", "answer_delay_ms", "stop_delay_ms"):
            _check_milliseconds(name, getattr(self, name))
        for scope in self.scopes:
            if scope not in SCOPES:
                raise ValueError(f"unknown scope {scope!r}: use {' or '.join(SCOPES)}")
        if self.rate_limit is not None:
            parse_rate_limit(self.rate_limit)

    def changed(self, changes: Mapping[str, object]) -> Settings:
        """Return these settings with some of the behaviour replaced.

        :param changes: new values by name
        :raises ValueError: for a name that cannot be changed, or a value that cannot be
        """
        for name in changes:
            if name not in CHANGEABLE:
                raise ValueError(f"unknown setting {name!r}: a reset changes {', '.join(CHANGEABLE)}")
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]

    def public(self) -> dict[str, object]:
        """Return the settings without the secrets."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.repr}


def parse_rate_limit(text: object) -> tuple[int, float]:
    """Split ``N/SECONDS`` into its two numbers.

    :raises ValueError: if it is anything else
    """
    count, separator, seconds = text.partition("/") if isinstance(text, str) else ("", "", "")
    try:
        limit = int(count), float(seconds)
    except ValueError:
        limit = 0, 0.0
    if not separator or limit[0] < 1 or not 0 < limit[1] < float("inf"):
        raise ValueError(f"rate_limit must look like 13800/10, requests per seconds, not {text!r}")
    return limit


def _check_milliseconds(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise ValueError(f"{name} must be a number of milliseconds, 0 or more, not {value!r}")
