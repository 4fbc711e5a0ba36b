"""Start a stream, record it in the journal, and leave it running."""

from __future__ import annotations

from airflow.sdk import DAG, Asset, Param

from airflow_provider_signalwire.operators.call_stream import StartCallStreamOperator

with DAG("forgotten_stream", schedule=None, params={"call_sid": Param(type="string")}):
    StartCallStreamOperator(
        task_id="start",
        call_sid="{{ params.call_sid }}",
        url="wss://bot.example.com/audio",
        name="transcriber",
        outlets=[Asset("signalwire_streams")],
    )
