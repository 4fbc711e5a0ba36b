"""Blocks of call_stream(): alone, nested, in task groups, and with work that ends outside the block."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, task, task_group

from airflow_provider_signalwire.operators.call_stream import call_stream

URL = "wss://media.example.com/stream"
CALL = "{{ params.call_sid }}"


def make_dag(dag_id: str) -> DAG:
    params = {"call_sid": "", "call_sids": [], "work_fails": False}
    return DAG(dag_id, schedule=None, params=params, render_template_as_native_obj=True)


@task
def work(stream_sid, params):
    if params["work_fails"]:
        raise RuntimeError("the work has failed")
    return stream_sid


@task
def report(result):
    return result


@task
def idle():
    pass


@task
def get_call_sids(params):
    return params["call_sids"]


with make_dag("block"), call_stream(call_sid=CALL, url=URL) as stream:
    work(stream["sid"])

with make_dag("block_without_work"), call_stream(call_sid=CALL, url=URL):
    pass

with make_dag("block_with_report"):
    before = idle.override(task_id="created_before")()
    with call_stream(call_sid=CALL, url=URL) as stream:
        result = work(stream["sid"])
        result >> before
        idle()
    report(result)

with make_dag("nested_blocks"), call_stream(call_sid=CALL, url=URL, task_id="outer") as outer:
    with call_stream(call_sid=CALL, url=URL, task_id="inner") as inner:
        work(inner["sid"])
    report(outer["sid"])

with make_dag("block_in_group"):

    @task_group
    def group():
        with call_stream(call_sid=CALL, url=URL) as stream:
            work(stream["sid"])

    group() >> idle()

with make_dag("block_in_mapped_group"):

    @task_group
    def mapped_group(call_sid):
        with call_stream(call_sid=call_sid, url=URL) as stream:
            work(stream["sid"])

    mapped_group.expand(call_sid=get_call_sids()) >> idle()

with make_dag("block_with_mapped_work"), call_stream(call_sid=CALL, url=URL) as stream:
    work.partial().expand(stream_sid=get_call_sids())
