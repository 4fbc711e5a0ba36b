"""Make a call, wait until it is answered, and hang up.

The URL must return the call's instructions, a cXML document. The call is hung up even if it is not answered in time.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_signalwire.operators.call import CreateCallOperator, UpdateCallOperator
from airflow_provider_signalwire.sensors.call import CallStatusSensor

with DAG(
    dag_id="make_and_hang_up_call",
    schedule=None,
    catchup=False,
    tags=["signalwire", "example"],
    doc_md=__doc__,
    params={
        "to": Param(type="string", minLength=1, title="To", description="The number to call."),
        "from": Param(type="string", minLength=1, title="From", description="One of your SignalWire numbers."),
        "url": Param(type="string", minLength=1, title="URL", description="Returns the call's instructions (cXML)."),
    },
):
    create_call = CreateCallOperator(
        task_id="create_call",
        to="{{ params.to }}",
        from_="{{ params['from'] }}",
        url="{{ params.url }}",
    )
    wait_for_answer = CallStatusSensor(
        task_id="wait_for_answer",
        call_sid=create_call.output["sid"],
        target_statuses=["in-progress"],
        poke_interval=2,
        timeout=60,
    )
    hang_up = UpdateCallOperator(task_id="hang_up", call_sid=create_call.output["sid"], status="completed")

    create_call >> wait_for_answer >> hang_up.as_teardown(setups=create_call)
