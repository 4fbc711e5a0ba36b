"""A task that fails, and stops its stream by a callback."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_signalwire.notifications.call_stream import StopCallStreamNotifier

try:
    from airflow.sdk import task
except ImportError:
    from airflow.decorators import task

with DAG("failing_work", schedule=None, params={"call_sid": ""}):

    @task(on_failure_callback=StopCallStreamNotifier(call_sid="{{ params.call_sid }}", stream_sid="media"))
    def work():
        raise RuntimeError("the work has failed")

    work()
