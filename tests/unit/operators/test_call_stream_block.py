"""call_stream(): what it adds to a DAG; tests/integration/test_call_stream_blocks.py runs it."""

from __future__ import annotations

from datetime import datetime

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_signalwire.operators.call_stream import StopCallStreamOperator, call_stream

REQUIRED = {"call_sid": "call", "url": "wss://media.example.com"}


@pytest.fixture
def dag():
    with DAG("calls", schedule=None, start_date=datetime(2026, 1, 1)) as dag:
        yield dag


def test_arguments_reach_both_tasks(dag):
    with call_stream(**REQUIRED, task_id="bot", name="bot", timeout=7, account_sid="sub", retries=3):
        pass
    start, stop = dag.get_task("start_bot"), dag.get_task("stop_bot")
    assert (start.call_sid, start.url, start.name) == ("call", REQUIRED["url"], "bot")
    assert (stop.call_sid, stop.timeout) == ("call", 7)
    assert [(task.account_sid, task.retries) for task in (start, stop)] == [("sub", 3)] * 2


def test_task_that_already_follows_the_start_is_not_connected_twice(dag, caplog):
    with call_stream(**REQUIRED) as stream:
        StopCallStreamOperator(task_id="work", call_sid="call", stream_sid=stream["sid"])
    assert dag.get_task("work").upstream_task_ids == {"start_call_stream"}
    assert "already registered" not in caplog.text


def test_error_in_the_block_is_raised(dag):
    with pytest.raises(ZeroDivisionError), call_stream(**REQUIRED):
        raise ZeroDivisionError
