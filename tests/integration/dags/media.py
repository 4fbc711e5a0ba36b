"""Starts of streams: alone, mapped, used downstream, and as the setup of work."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_signalwire.operators.call_stream import StartCallStreamOperator, StopCallStreamOperator

try:
    from airflow.sdk import task
except ImportError:
    from airflow.decorators import task


def make_dag(dag_id: str) -> DAG:
    return DAG(
        dag_id,
        schedule=None,
        params={"call_sid": "", "call_sids": []},
        default_args={"retries": 2, "retry_delay": timedelta(0)},
        render_template_as_native_obj=True,
    )


START = {"call_sid": "{{ params.call_sid }}", "url": "wss://media.example.com/stream"}
# Secrets come from a connection or a Variable, never from a DAG file: Airflow stores and shows its text.
KEY = "?key={{ var.value.address_key | urlencode }}"
WITH_SECRETS = {
    "url": START["url"] + KEY,
    "status_callback": "https://media.example.com/events" + KEY,
    "authorization_bearer_token": "{{ var.value.bot_word }}",
}

with make_dag("start"):
    StartCallStreamOperator(
        task_id="start",
        call_sid=START["call_sid"],
        **{**WITH_SECRETS, "authorization_bearer_token": "{{ conn.my_bot.password }}"},
    )

with make_dag("start_on_many"):

    @task
    def call_sids(params):
        return params["call_sids"]

    StartCallStreamOperator.partial(task_id="start", **WITH_SECRETS).expand(call_sid=call_sids())

with make_dag("start_stop_by_output"):
    start = StartCallStreamOperator(task_id="start", **START)
    StopCallStreamOperator(task_id="stop", call_sid=start.output["call_sid"], stream_sid=start.output["sid"])

with make_dag("start_without_xcom"):
    StartCallStreamOperator(task_id="start", **START, do_xcom_push=False)

with make_dag("start_many_stop_many"):

    @task
    def calls(params):
        return params["call_sids"]

    @task
    def stop_arguments(records):
        return [{"call_sid": record["call_sid"], "stream_sid": record["sid"]} for record in records]

    started = StartCallStreamOperator.partial(task_id="start", url=START["url"]).expand(call_sid=calls())
    StopCallStreamOperator.partial(task_id="stop").expand_kwargs(stop_arguments(started.output))
