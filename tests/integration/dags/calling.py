"""A start of a stream by the Calling API, with retries."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_signalwire.operators.calling_stream import StartCallingStreamOperator

KEY = "?key={{ var.value.address_key | urlencode }}"

with DAG("calling_start", schedule=None, params={"call_id": ""}):
    StartCallingStreamOperator(
        task_id="start",
        call_id="{{ params.call_id }}",
        url="wss://media.example.com/stream" + KEY,
        status_url="https://media.example.com/events" + KEY,
        custom_parameters={"language": "en"},
        authorization_bearer_token="{{ var.value.bot_word }}",
        retries=2,
        retry_delay=timedelta(0),
    )
