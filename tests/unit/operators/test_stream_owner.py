"""A stream's custom parameters name the task that started it, if the task says so."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_signalwire.exceptions import SignalWireConfigurationError
from airflow_provider_signalwire.operators.call_stream import RunCallStreamOperator, StartCallStreamOperator

OWNER = {"airflow_dag_id": "adhoc_airflow", "airflow_run_id": "run", "airflow_task_id": "media"}


@pytest.fixture
def sent(simulator, connection, run_task):
    """Start a stream and return the custom parameters that SignalWire received."""
    [call] = simulator.seed()

    def run(operator_class=StartCallStreamOperator, *, map_index=-1, **arguments):
        task = operator_class(task_id="media", call_sid=call["sid"], url="wss://media.example.com/", **arguments)
        with suppress(TaskDeferred):
            task.execute(run_task.context(map_index=map_index))
        [form] = [request["form"] for request in simulator.requests("/Streams")]
        names = [key for key in form if key.startswith("Parameter") and key.endswith(".Name")]
        return {form[name]: form[name.replace(".Name", ".Value")] for name in names}

    return run


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"parameters": {"language": "en"}}, {"language": "en"}),
        ({"parameters": {"language": "en"}, "owner_parameters": True}, {"language": "en", **OWNER}),
        ({"owner_parameters": True, "map_index": 3}, {**OWNER, "airflow_map_index": "3"}),
    ],
)
def test_owner_is_added_to_the_parameters_if_the_task_says_so(sent, arguments, expected):
    assert sent(**arguments) == expected


def test_run_adds_when_the_stream_is_meant_to_end(sent, clock):
    end = datetime.fromtimestamp(clock.now + 60, UTC).isoformat(timespec="seconds")
    parameters = sent(RunCallStreamOperator, owner_parameters=True, max_duration=60)
    assert parameters == {**OWNER, "airflow_stream_ends_at": end}


def test_parameter_of_the_same_name_is_refused_before_any_request(sent, simulator):
    with pytest.raises(SignalWireConfigurationError, match="has 'airflow_dag_id', which 'owner_parameters' adds"):
        sent(owner_parameters=True, parameters={"airflow_dag_id": "mine"})
    assert simulator.requests() == []
