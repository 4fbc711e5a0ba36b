"""The work of a worker and a triggerer, in a separate process: Airflow reads the metrics settings when it starts."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from types import SimpleNamespace

from airflow_provider_signalwire.hooks.signalwire import SignalWireHook
from airflow_provider_signalwire.operators.stream_cleanup import StopCallStreamsOperator
from airflow_provider_signalwire.triggers.call_stream import CallStreamStoppedTrigger

with contextlib.suppress(ImportError):  # before Airflow 3.2
    import airflow.sdk.serde  # noqa: F401  # with it, Airflow 3.2 and newer set their metrics up


async def _wait(call_sid: str) -> None:
    trigger = CallStreamStoppedTrigger(
        call_sid=call_sid,
        stream_sid="media",
        account_sid=None,
        signalwire_conn_id="signalwire_default",
        poll_interval=0.1,
        deadline=2e9,
        last_status=None,
    )
    async for event in trigger.run():
        assert event.payload["status"] == "success", event.payload


def main(calls: list[str]) -> None:
    """Stop the first call's stream by the hook, the second one's by a trigger, and all by a batch."""
    SignalWireHook().stop_call_stream(calls[0], "media")
    asyncio.run(_wait(calls[1]))
    streams = [{"call_sid": call, "stream_sid": "media"} for call in calls]
    StopCallStreamsOperator(task_id="stop", streams=streams).execute(
        {"ti": SimpleNamespace(xcom_push=lambda **pushed: None)}
    )


if __name__ == "__main__":
    main(sys.argv[1:])
