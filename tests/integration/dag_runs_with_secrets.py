"""Runs of every DAG, with a secret in each place that allows one."""

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
        self._run_blocks()
        self._run_examples()
        self._run_calls()
        self._run_callbacks()
        if "stop_with_policy" in dag_ids:
            self._add("stop_with_policy", **self._stream({"kind": "status", "status": 429}))
        if "approved_stream_cleanup" in dag_ids:
            self._add("approved_stream_cleanup", min_call_age_hours=10_000)  # nothing to approve
        if "journal_start" in dag_ids:
            self._clean_up_by_journal()
        self._record_in_journal()
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
        self._add("start", call_sid=self._call())
        self._add("start", call_sid=self._call({"times": 2, "kind": "status", "status": 503}))
        self._add("start", "failed", call_sid=self._call(self._refusal(TOKEN, BOT_TOKEN, ADDRESS_KEY)))
        self._add("start_work_stop", "failed", call_sid=self._call())
        self._add("start_stop_by_output", call_sid=self._call())
        self._add("start_without_xcom", call_sid=self._call())
        self._add("start_many_stop_many", call_sids=[self._call(), self._call()])

    def _stop_streams(self) -> None:
        for mode in ("sync", "deferred"):
            self._add(f"stop_{mode}", **self._stream(self._queued(2)))
            self._add(f"stop_{mode}_ignoring", **{**self._stream(), "stream_sid": "nowhere"})
            self._add(f"stop_{mode}_in_vain", "failed", **self._stream(self._queued(None)))
            self._add(f"stop_{mode}", "failed", **self._stream(self._queued(1), self._refusal(TOKEN)))
            self._add(
                f"stop_{mode}_in_vain", "failed", **self._stream(self._queued(1), {"times": None, "kind": "reset"})
            )

    def _wait(self) -> None:
        for mode in ("poke", "reschedule", "deferrable"):
            for variant in ("", "_softly"):
                self._add(f"stream_sensor_{mode}{variant}", **self._stream(self._queued(2)))
            self._add(f"stream_sensor_{mode}_softly_in_vain", **self._stream(self._queued(None)))
            self._add(f"call_sensor_{mode}", call_sid=self._call(status="completed"))
            self._add(f"call_sensor_{mode}", "failed", call_sid=self._call(self._refusal(TOKEN)))

    def _run_blocks(self) -> None:
        calls = [self._call(), self._call()]
        for name in ("block", "block_without_work", "block_with_report", "nested_blocks", "block_in_group"):
            self._add(name, call_sid=self._call(), work_fails=False)
        self._add("block", "failed", call_sid=self._call(), work_fails=True)
        self._add("block_in_mapped_group", call_sids=calls, work_fails=False)
        self._add("block_with_mapped_work", call_sid=self._call(), call_sids=calls, work_fails=False)

    def _run_examples(self) -> None:
        self._add("stop_call_stream", **self._stream())
        self._add("call_stream_lifecycle", call_sid=self._call())
        self._add("conference_stream", conference_sid=self._conference())
        ended = {"skip": 1, "kind": "patch", "set": {"status": "completed"}}
        self._add("run_call_stream", call_sid=self._call(ended))
        self._add("run_call_stream", "failed", call_sid=self._call({"skip": 1, **self._refusal(TOKEN)}))
        self._add("stop_mapped_streams", streams=[self._stream(), self._stream()])
        self._add("stop_many_streams", streams=[self._stream() for _ in range(5)])
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

    def _run_callbacks(self) -> None:
        self._add("stop_stream_on_failure", call_sid=self._call())
        self._add("failing_work", "failed", call_sid=self._call(self._refusal(TOKEN), streams=[{"name": "media"}]))

    def _clean_up_by_journal(self) -> None:
        self._add("journal_start_conference", conference_sid=self._conference())
        for dag_id in ("journal_start", "journal_start_outliving"):
            self._add(dag_id, call_sids=[self._call(), self._call()])
        for name in ("streams", "unmentioned", "both_ways"):
            self._add(f"journal_cleanup_{name}")
        self._add("journaled_stream_cleanup")

    def _record_in_journal(self) -> None:
        self._add("record_start", call_sid=self._call())
        self._add("record_mapped_starts", call_sids=[self._call(), self._call()])
        for kind in ("stop", "deferred_stop", "ignored_stop", "nothing"):
            self._add(f"record_{kind}", **self._stream())
        self._add("record_conference", conference_sid=self._conference())
        self._add("record_stops", streams=[self._stream(), self._stream()])

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
