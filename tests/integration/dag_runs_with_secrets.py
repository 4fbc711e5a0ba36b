"""Runs of DAGs with every kind of task, and with a secret in each place that allows one."""

from __future__ import annotations

import base64
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from airflow_provider_signalwire.simulator.server import SimulatorServer

PROXY_USER = "agent"
# Each encoding of these differs from the others.
TOKEN = 'PT-nobody/may+read "this\\%8c1f'
PROXY_PASSWORD = "proxy/nobody+may read%51d0"
UNKNOWN_EXTRA = "extra/nobody+may read%9f44"
BOT_TOKEN = "bot/nobody+may=read77aa"
BOT_WORD = "word/nobody+may=read03be"
ADDRESS_KEY = "key/nobody+may read%61c9"
SECRETS = {
    "API token": TOKEN,
    "proxy password": PROXY_PASSWORD,
    "unknown extra": UNKNOWN_EXTRA,
    "bearer token of a connection": BOT_TOKEN,
    "bearer token of a Variable": BOT_WORD,
    "key in a URL": ADDRESS_KEY,
}


@dataclass
class Runs:
    """The planned runs, each with its expected state, and their faults.

    :param server: The simulator that has their calls.
    """

    server: SimulatorServer
    planned: list[tuple[str, dict[str, Any], str]] = field(default_factory=list)
    faults: list[dict[str, Any]] = field(default_factory=list)

    def plan(self, *, dag_ids: Collection[str]) -> None:
        # Mapped ones come first, because a value that was masked once stays masked in this process.
        self._start_streams()
        self._stop_streams()
        self._wait()
        self._run_examples()
        self._run_calls()
        self._add("failing_work", "failed", call_sid=self._call(self._refusal(TOKEN), streams=[{"name": "media"}]))
        if "stop_with_policy" in dag_ids:
            self._add("stop_with_policy", **self._stream({"kind": "status", "status": 429}))
        if "journal_start" in dag_ids:
            self._add("journal_start", call_sids=[self._call()])
            self._add("journal_cleanup_streams")
        self._add("record_start", call_sid=self._call())
        self._add("record_stops", streams=[self._stream(), self._stream()])
        self.server.set_faults(self.faults)

    def secrets(self) -> dict[str, str]:
        logins = {
            "SignalWire login": f"{self.server.project}:{TOKEN}",
            "proxy login": f"{PROXY_USER}:{PROXY_PASSWORD}",
        }
        return {**SECRETS, **logins}

    def call_sid(self, dag_id: str) -> str:
        """Return the call of a DAG's first run."""
        return next(str(params["call_sid"]) for planned, params, _ in self.planned if planned == dag_id)

    def proxy(self) -> str:
        """Return the URL of the simulator as a proxy: it responds to requests for any host."""
        return self.server.url.replace("//", f"//{PROXY_USER}:{quote(PROXY_PASSWORD, safe='')}@")

    def _start_streams(self) -> None:
        self._add("start_on_many", call_sids=[self._call(), self._call()])
        self._add("start", call_sid=self._call({"times": 2, "kind": "status", "status": 503}))
        self._add("start", "failed", call_sid=self._call(self._refusal(TOKEN, BOT_TOKEN, ADDRESS_KEY)))

    def _stop_streams(self) -> None:
        for mode in ("sync", "deferred"):
            self._add(f"stop_{mode}", **self._stream(self._queued(2)))
            self._add(f"stop_{mode}", "failed", **self._stream(self._queued(1), self._refusal(TOKEN)))
            lost = {"times": None, "kind": "reset"}
            self._add(f"stop_{mode}_in_vain", "failed", **self._stream(self._queued(1), lost))

    def _wait(self) -> None:
        for mode in ("poke", "reschedule", "deferrable"):
            self._add(f"stream_sensor_{mode}", **self._stream(self._queued(2)))
            self._add(f"call_sensor_{mode}", "failed", call_sid=self._call(self._refusal(TOKEN)))

    def _run_examples(self) -> None:
        self._add("call_stream_lifecycle", call_sid=self._call())
        self._add("conference_stream", conference_sid=self._conference())
        ended = {"skip": 1, "kind": "patch", "set": {"status": "completed"}}
        self._add("run_call_stream", call_sid=self._call(ended))
        self._add("run_call_stream", "failed", call_sid=self._call({"skip": 1, **self._refusal(TOKEN)}))
        refused = [self._stream(self._refusal(TOKEN)), self._stream({"kind": "status", "status": 500})]
        self._add("stop_many_streams", "failed", streams=refused)
        self._call(age_seconds=5 * 3600, streams=[{"name": "call_stream_lifecycle.start_call_stream"}])
        self._add("scheduled_stream_cleanup")

    def _run_calls(self) -> None:
        numbers = {"to": "+15550100001", "from": "+15550100002"}
        self._add("make_and_hang_up_call", **numbers, url="https://bot.example.com/laml")
        [call] = self.server.seed_native_calls()
        self._add("calling_stream_lifecycle", call_id=call["sid"])
        self._add("calling_start", call_id=call["sid"])

    def _add(self, dag_id: str, state: str = "success", **params: Any) -> None:
        self.planned.append((dag_id, params, state))

    def _call(self, *faults: dict[str, Any], **seed: Any) -> str:
        [call] = self.server.seed(**seed)
        self.faults += [{"match": {"path_contains": call["sid"]}, **fault} for fault in faults]
        return str(call["sid"])

    def _conference(self) -> str:
        [conference] = self.server.seed_conferences()
        return str(conference["sid"])

    def _stream(self, *faults: dict[str, Any]) -> dict[str, str]:
        return {"call_sid": self._call(*faults, streams=[{"name": "media"}]), "stream_sid": "media"}

    def _queued(self, times: int | None) -> dict[str, Any]:
        return {"times": times, "kind": "patch", "set": {"status": "queued"}}

    def _refusal(self, *sent: str) -> dict[str, Any]:
        """SignalWire quotes the secrets that it was sent."""
        login = base64.b64encode(f"{self.server.project}:{TOKEN}".encode()).decode()
        return {"times": None, "kind": "status", "status": 422, "body": {"message": " ".join([login, *sent])}}
