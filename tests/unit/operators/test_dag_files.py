"""What a DAG file sees of operators and sensors: cheap imports, templates, mapping, and clear refusals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime

import pytest
from airflow.providers.common.compat.sdk import DAG
from airflow.serialization import serialized_objects
from airflow_masking import redact

from airflow_provider_signalwire.exceptions import SignalWireConfigurationError
from airflow_provider_signalwire.operators.call import CreateCallOperator, UpdateCallOperator
from airflow_provider_signalwire.operators.call_stream import (
    RunCallStreamOperator,
    StartCallStreamOperator,
    StopCallStreamOperator,
)
from airflow_provider_signalwire.operators.calling_stream import StartCallingStreamOperator, StopCallingStreamOperator
from airflow_provider_signalwire.operators.conference_stream import (
    StartConferenceStreamOperator,
    StopConferenceStreamOperator,
)
from airflow_provider_signalwire.sensors.call import CallStatusSensor
from airflow_provider_signalwire.sensors.call_stream import CallStreamStatusSensor

URL = {"url": "wss://media.example.com"}
# Each class with the arguments it requires.
CLASSES = {
    StopCallStreamOperator: {"call_sid": "call", "stream_sid": "stream"},
    StartCallStreamOperator: {"call_sid": "call", **URL},
    RunCallStreamOperator: {"call_sid": "call", **URL, "max_duration": 60},
    StopConferenceStreamOperator: {"conference_sid": "conference", "stream_sid": "stream"},
    StartConferenceStreamOperator: {"conference_sid": "conference", **URL},
    StopCallingStreamOperator: {"call_id": "call", "control_id": "control"},
    StartCallingStreamOperator: {"call_id": "call", **URL},
    CreateCallOperator: {"to": "+15550100001", "from_": "+15550100002", **URL},
    UpdateCallOperator: {"call_sid": "call", "status": "completed"},
    CallStreamStatusSensor: {"call_sid": "call", "stream_sid": "stream"},
    CallStatusSensor: {"call_sid": "call"},
}
SENSORS = (CallStreamStatusSensor, CallStatusSensor)
NESTED = ("parameters", "custom_parameters")
IDS = ("call_sid", "conference_sid", "stream_sid", "account_sid", "call_id", "control_id")
# Of a stream that the Compatibility API starts, the name is an id, too.
NAMED = (StartCallStreamOperator, RunCallStreamOperator, StartConferenceStreamOperator)
SECRET = ("authorization_bearer_token", "sip_auth_password", "send_digits", "to", "from_", "caller_id")
WITH_A_SECRET = ("url", "fallback_url", "status_url", "status_callback", "recording_status_callback")
every_class = pytest.mark.parametrize("task_class", CLASSES, ids=lambda task_class: task_class.__name__)


def fields_of(task_class):
    """The templated fields that are strings."""
    return [field for field in task_class.template_fields if field not in NESTED]


PARSE = """
import importlib, json, pkgutil, sys
from airflow.providers.common.compat.sdk import BaseOperator, BaseSensorOperator, conf
from airflow.triggers.base import BaseTrigger
BaseOperator(task_id="first")  # with which Airflow imports more of itself
LIBRARIES = ("requests", "urllib3", "aiohttp", "tenacity")
for name in [name for name in sys.modules if name.partition(".")[0] in LIBRARIES]:
    del sys.modules[name]  # what Airflow itself has imported
import airflow_provider_signalwire.notifications, airflow_provider_signalwire.operators
import airflow_provider_signalwire.sensors as sensors
for package in (airflow_provider_signalwire.notifications, airflow_provider_signalwire.operators, sensors):
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
from airflow_provider_signalwire.operators.call_stream import StartCallStreamOperator, StopCallStreamOperator
from airflow_provider_signalwire.operators.conference_stream import StopConferenceStreamOperator
from airflow_provider_signalwire.operators.stream_cleanup import StopCallStreamsOperator
from airflow_provider_signalwire.sensors.call import CallStatusSensor
from airflow_provider_signalwire.sensors.call_stream import CallStreamStatusSensor
from airflow_provider_signalwire.sensors.conference_stream import ConferenceStreamStatusSensor
StartCallStreamOperator(task_id="start", call_sid="call", url="wss://media.example.com")
StopCallStreamsOperator(task_id="stop_all", streams=[])
waits = [
    StopCallStreamOperator(task_id="stop", call_sid="call", stream_sid="stream"),
    StopConferenceStreamOperator(task_id="stop_conference", conference_sid="conference", stream_sid="stream"),
    CallStreamStatusSensor(task_id="wait", call_sid="call", stream_sid="stream"),
    ConferenceStreamStatusSensor(task_id="wait_conference", conference_sid="conference", stream_sid="stream"),
    CallStatusSensor(task_id="wait_call", call_sid="call"),
]
print(json.dumps({
    "libraries": [name for name in sys.modules if name in LIBRARIES],
    "transports": [name for name in sys.modules if name.startswith("airflow_provider_signalwire.client.transport.")],
    "deferrable": [wait.deferrable for wait in waits],
}))
"""


def test_parsing_a_dag_file_imports_no_http_library():
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": "True",
    }
    run = [sys.executable, "-c", PARSE]
    output = subprocess.run(run, env=environment, check=True, capture_output=True, text=True, timeout=120).stdout
    parsed = json.loads(output.splitlines()[-1])
    assert parsed == {"libraries": [], "transports": [], "deferrable": [True] * 5}


@every_class
def test_arguments_are_keyword_only_and_nothing_is_deferred_by_default(task_class):
    with pytest.raises(Exception, match=r"(?i)keyword|positional"):
        task_class("call", "stream", task_id="task")
    assert not getattr(task_class(task_id="task", **CLASSES[task_class]), "deferrable", False)


def test_serializing_a_dag_needs_neither_connection_nor_network(simulator, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_SIGNALWIRE_DEFAULT", "not://a-signalwire-connection")
    with DAG("calls", schedule=None, start_date=datetime(2026, 1, 1)) as dag:
        for task_class, required in CLASSES.items():
            task_class(task_id=task_class.__name__, **required)
    serialization = getattr(serialized_objects, "DagSerialization", None) or serialized_objects.SerializedDAG
    assert len(serialization.to_dict(dag)["dag"]["tasks"]) == len(CLASSES)
    assert simulator.requests() == []


@every_class
def test_templates_render(task_class):
    fields = fields_of(task_class)
    nested = {field: {"language": "{{ language }}"} for field in task_class.template_fields if field in NESTED}
    templates = {field: f"{{{{ {field} }}}}-rendered" for field in fields}
    task = task_class(task_id="task", **{**CLASSES[task_class], **templates, **nested})
    task.render_template_fields({**{field: f"my-{field}" for field in fields}, "language": "en"})
    assert {field: getattr(task, field) for field in fields} == {field: f"my-{field}-rendered" for field in fields}
    assert all(getattr(task, field) == {"language": "en"} for field in nested)


@every_class
def test_secrets_in_rendered_fields_are_masked(task_class):
    url = "wss://user:{{{{ value }}}}-password-of-{0}@example.com/?key={{{{ value }}}}-key-of-{0}"
    templates = {field: f"{{{{ value }}}}-secret-in-{field}" for field in SECRET}
    templates |= {field: url.format(field) for field in WITH_A_SECRET}
    templates = {field: template for field, template in templates.items() if field in task_class.template_fields}
    task = task_class(task_id="task", **{**CLASSES[task_class], **templates})
    task.render_template_fields({"value": "rendered"})
    shown = {field: redact(getattr(task, field)) for field in templates}
    assert shown == {
        field: "wss://user:***@example.com/?key=***" if field in WITH_A_SECRET else "***" for field in templates
    }


@every_class
def test_task_can_be_mapped_over_calls(task_class):
    (mapped_over, _), *others = CLASSES[task_class].items()
    with DAG("calls", schedule=None, start_date=datetime(2026, 1, 1)):
        mapped = task_class.partial(task_id="mapped", signalwire_conn_id="other", **dict(others)).expand(
            **{mapped_over: ["a", "b"]}
        )
    unmapped = mapped.unmap({mapped_over: "b"})
    assert (getattr(unmapped, mapped_over), unmapped.signalwire_conn_id) == ("b", "other")


@pytest.mark.parametrize(
    ("task_class", "field"),
    [
        *((task_class, field) for task_class in CLASSES for field in IDS if field in task_class.template_fields),
        *((task_class, "name") for task_class in NAMED),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_missing_or_malformed_id_is_refused_before_any_request(simulator, connection, task_class, field):
    required = CLASSES[task_class]
    task = task_class(task_id="task", **required)
    deferred = {"deferrable": True, **({"wait_for_completion": True} if hasattr(task, "wait_for_completion") else {})}
    modes = [{}, deferred] if hasattr(task, "deferrable") else [{}]
    # What has a default is not missing if it is None.
    for value in ["", "None", "call ", "..", 7, *([None] if field in required else [])]:
        for mode in modes:
            task = task_class(task_id="task", **{**required, field: value}, **mode)
            with pytest.raises(SignalWireConfigurationError, match=f"'{field}'") as caught:
                task.execute({"ti": None})
            assert ("upstream task" in str(caught.value)) == (value in (None, "", "None"))
    assert simulator.requests() == []


@every_class
def test_field_that_renders_to_none_is_refused(task_class):
    for field in fields_of(task_class):
        with DAG("native", schedule=None, start_date=datetime(2026, 1, 1), render_template_as_native_obj=True):
            task = task_class(task_id="task", **{**CLASSES[task_class], field: "{{ none }}"})
        with pytest.raises(SignalWireConfigurationError, match=rf"'{field}' is None: .*An upstream task"):
            task.render_template_fields({})


@every_class
def test_missing_connection_id_is_refused(task_class):
    for value in (None, "", "None"):
        task = task_class(task_id="task", **{**CLASSES[task_class], "signalwire_conn_id": value})
        with pytest.raises(SignalWireConfigurationError, match=r"'signalwire_conn_id'.*upstream task"):
            task.execute({})


@pytest.mark.parametrize(
    ("task_class", "name"),
    [
        *((StopCallStreamOperator, name) for name in ("poll_interval", "timeout")),
        *((RunCallStreamOperator, name) for name in ("max_duration", "poll_interval", "stop_timeout")),
        *((sensor, name) for sensor in SENSORS for name in ("poke_interval", "timeout", "max_wait")),
    ],
)
def test_invalid_duration_is_refused_when_the_task_is_made(task_class, name):
    values = [True, "60", -1, float("nan"), *([None] if task_class not in SENSORS else [])]
    for value in [*values, *([0.05] if name == "poll_interval" else [])]:
        with pytest.raises(SignalWireConfigurationError, match=f"'{name}'.*expected seconds or a timedelta, from "):
            task_class(task_id="task", **{**CLASSES[task_class], name: value})


@pytest.mark.parametrize(
    ("task_class", "name"),
    [
        *((StopCallStreamOperator, name) for name in ("wait_for_completion", "ignore_if_missing", "deferrable")),
        *((StartCallStreamOperator, name) for name in ("owner_parameters", "outlives_run")),
        *((sensor, name) for sensor in SENSORS for name in ("deferrable", "soft_fail", "never_fail", "silent_fail")),
    ],
)
def test_boolean_of_another_type_is_refused_when_the_task_is_made(task_class, name):
    for value in ("true", 1, None):
        with pytest.raises(SignalWireConfigurationError, match=f"'{name}'.*True or False"):
            task_class(task_id="task", **CLASSES[task_class], **{name: value})
