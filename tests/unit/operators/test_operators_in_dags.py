"""What a DAG file sees of the operators: parsing costs nothing, templates render, mapping works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime

import pytest
from airflow.providers.common.compat.sdk import DAG
from airflow.serialization import serialized_objects

from airflow_provider_signalwire.operators.call_stream import StartCallStreamOperator, StopCallStreamOperator
from airflow_provider_signalwire.sensors.call import CallStatusSensor
from airflow_provider_signalwire.sensors.call_stream import CallStreamStatusSensor

TEMPLATED = [
    (StopCallStreamOperator, ["call_sid", "stream_sid", "account_sid", "signalwire_conn_id"]),
    (
        StartCallStreamOperator,
        [
            "call_sid",
            "url",
            "name",
            "track",
            "status_callback",
            "authorization_bearer_token",
            "account_sid",
            "signalwire_conn_id",
        ],
    ),
    (CallStreamStatusSensor, ["call_sid", "stream_sid", "account_sid", "signalwire_conn_id"]),
    (CallStatusSensor, ["call_sid", "account_sid", "signalwire_conn_id"]),
]
REQUIRED = {
    StopCallStreamOperator: {"call_sid": "call", "stream_sid": "stream"},
    StartCallStreamOperator: {"call_sid": "call", "url": "wss://media.example.com"},
    CallStreamStatusSensor: {"call_sid": "call", "stream_sid": "stream"},
    CallStatusSensor: {"call_sid": "call"},
}

# Whatever Airflow itself has loaded is taken out first, so that a module found afterwards was loaded by the import.
PARSE = """
import sys
from airflow.providers.common.compat.sdk import BaseOperator, BaseSensorOperator, conf
BaseOperator(task_id="any")
LIBRARIES = ("requests", "aiohttp", "tenacity")
for name in [name for name in sys.modules if name.partition(".")[0] in LIBRARIES]:
    del sys.modules[name]
before = set(sys.modules)
import airflow_provider_signalwire.operators.call_stream as operators
import airflow_provider_signalwire.sensors.call, airflow_provider_signalwire.sensors.call_stream as sensors
operators.StopCallStreamOperator(task_id="stop", call_sid="call", stream_sid="stream")
operators.StartCallStreamOperator(task_id="start", call_sid="call", url="wss://media.example.com")
sensor = sensors.CallStreamStatusSensor(task_id="wait", call_sid="call", stream_sid="stream")
loaded = set(sys.modules) - before
import json
print(json.dumps({
    "libraries": sorted(name for name in loaded if name in LIBRARIES),
    "own": sorted(name for name in loaded if name.startswith("airflow_provider_signalwire.")),
    "deferrable": sensor.deferrable,
}))
"""


def parse_in_a_fresh_interpreter(**environment):
    answer = subprocess.run(
        [sys.executable, "-c", PARSE],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **environment},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return json.loads(answer.stdout.splitlines()[-1])


def test_importing_operators_and_sensors_loads_no_http_library_and_no_transport():
    parsed = parse_in_a_fresh_interpreter(AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE="True")

    assert parsed["libraries"] == []
    assert not [
        name
        for name in parsed["own"]
        if name.split(".")[1] in ("hooks", "triggers") or name.endswith(("sync_client", "flows", "retrying"))
    ]
    assert "airflow_provider_signalwire.operators.call_stream" in parsed["own"]
    assert parsed["deferrable"] is True


def test_without_a_configured_default_nothing_is_deferred():
    for operator, arguments in REQUIRED.items():
        assert getattr(operator(task_id="task", **arguments), "deferrable", False) is False


@pytest.mark.parametrize("operator", REQUIRED, ids=lambda operator: operator.__name__)
def test_takes_keyword_arguments_only(operator):
    with pytest.raises(Exception, match=r"(?i)keyword|positional"):
        operator("call", "stream", task_id="task")


def test_making_and_serializing_a_dag_needs_neither_connection_nor_network(simulator, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_SIGNALWIRE_DEFAULT", "not://a-signalwire-connection")
    with DAG("calls", schedule=None, start_date=datetime(2026, 1, 1)) as dag:
        for operator, arguments in REQUIRED.items():
            operator(task_id=operator.__name__, **arguments)

    serialization = getattr(serialized_objects, "DagSerialization", None) or serialized_objects.SerializedDAG
    serialized = serialization.to_dict(dag)

    assert len(serialized["dag"]["tasks"]) == len(REQUIRED)
    assert simulator.requests() == []


@pytest.mark.parametrize(("operator", "fields"), TEMPLATED, ids=lambda value: getattr(value, "__name__", ""))
def test_templates_render(operator, fields):
    # The arguments that are not text are not among these.
    arguments = {**REQUIRED[operator], **{field: f"{{{{ {field} }}}}-rendered" for field in fields}}
    task = operator(task_id="task", **arguments)

    task.render_template_fields({field: f"my-{field}" for field in fields})

    assert {field: getattr(task, field) for field in fields} == {field: f"my-{field}-rendered" for field in fields}


def test_templates_in_stream_parameters_render():
    task = StartCallStreamOperator(
        task_id="start", call_sid="call", url="wss://media.example.com", parameters={"language": "{{ language }}"}
    )

    task.render_template_fields({"language": "en"})

    assert task.parameters == {"language": "en"}


@pytest.mark.parametrize("operator", [StopCallStreamOperator, CallStreamStatusSensor, CallStatusSensor])
def test_can_be_mapped_over_calls(operator):
    with DAG("calls", schedule=None, start_date=datetime(2026, 1, 1)):
        required = {name: value for name, value in REQUIRED[operator].items() if name != "call_sid"}
        mapped = operator.partial(task_id="mapped", signalwire_conn_id="other", **required).expand(call_sid=["a", "b"])

    unmapped = mapped.unmap({"call_sid": "b"})

    assert (unmapped.call_sid, unmapped.signalwire_conn_id) == ("b", "other")


def test_a_templated_connection_and_account_are_those_used(make_subproject):
    server, subproject, connection = make_subproject
    [call] = server.seed(account_sid=subproject, streams=[{"name": "media"}])
    task = StopCallStreamOperator(
        task_id="stop",
        call_sid="{{ call }}",
        stream_sid="media",
        account_sid="{{ subproject }}",
        signalwire_conn_id="{{ connection }}",
    )

    task.render_template_fields({"call": call["sid"], "subproject": subproject, "connection": connection})

    assert task.execute({})["account_sid"] == subproject
