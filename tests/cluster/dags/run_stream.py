"""Run a stream in one task, deferred until the call ends."""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_provider_signalwire.operators.call_stream import RunCallStreamOperator

with DAG("run_stream", schedule=None):
    RunCallStreamOperator(
        task_id="stream",
        call_sid="{{ params.call_sid }}",
        url="wss://bot.example.com/audio",
        max_duration=3600,
        poll_interval=1,
        params={"call_sid": None},
    )
