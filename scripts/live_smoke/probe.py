"""Send the requests of the smoke test and record the responses."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.client.protocol.http import FailedAttempt, HttpRequest, HttpResult
from airflow_provider_signalwire.client.protocol.json_body import decode_json
from airflow_provider_signalwire.client.protocol.request import ApiRequest
from airflow_provider_signalwire.client.protocol.responses import classify
from airflow_provider_signalwire.client.transport.sync_transport import SyncTransport
from live_smoke.observation import Observation, Observer

POLL_SECONDS = 0.5
MIN_SID_LENGTH = 6  # a shorter one may be a word in a key

Record = dict[str, Any]


class Probe:
    """Sends requests without retries.

    :param settings: Where to send them.
    :param observer: Creates the observations.
    """

    def __init__(self, settings: ClientSettings, observer: Observer) -> None:
        self.account_sid = settings.project_id
        self.observations: dict[str, Observation] = {}
        self._settings = settings
        self._observer = observer
        self._transport = SyncTransport(settings)

    def observe(
        self,
        step: str,
        request: ApiRequest[Any],
        *,
        until: Callable[[Record], bool] = lambda record: True,
        seconds: float = 0,
    ) -> Record:
        """Send a request, store an observation of the response for this step, and return the record.

        :param until: Repeat the request until this returns true for the record.
        :param seconds: Maximum time to repeat it.
        :returns: An empty record if the response is not a success.
        """
        deadline = time.monotonic() + seconds
        while True:
            response = self._send(request)
            record = _record(response)
            if len(record.get("sid") or "") >= MIN_SID_LENGTH:
                self._observer.hide(record["sid"])
            self.observations[step] = self._observer.observe(response)
            if not record or until(record) or time.monotonic() >= deadline:
                return record
            time.sleep(POLL_SECONDS)

    def send(self, request: ApiRequest[Any]) -> bool:
        """Send a request without an observation, and return whether it succeeded."""
        return bool(_record(self._send(request)))

    def was_refused(self, step: str) -> bool:
        """Return whether a step's request had no effect for sure."""
        outcome = self.observations[step].outcome
        return outcome.isdigit() and classify(sent=True, status=int(outcome))[1] != "unknown"

    def with_token(self, api_token: str) -> Probe:
        """Return a probe with another token that stores its observations in this one."""
        probe = Probe(dataclasses.replace(self._settings, api_token=api_token), self._observer)
        probe.observations = self.observations
        return probe

    def _send(self, request: ApiRequest[Any]) -> HttpResult:
        return self._transport.send(
            HttpRequest(method=request.method, target=request.target, body=request.body, timeout=self._settings.timeout)
        )


def _record(response: HttpResult) -> Record:
    if isinstance(response, FailedAttempt) or not 200 <= response.status < 300:
        return {}
    try:
        value = decode_json(response.body)
    except ValueError:
        return {}
    is_record = isinstance(value, dict) and isinstance(value.get("sid"), str | None)
    return value if is_record else {}
