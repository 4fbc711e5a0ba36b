"""One run of StopCallStreamsOperator, timed."""

from __future__ import annotations

import resource
import time
from types import SimpleNamespace
from typing import Any, NamedTuple


class BatchRun(NamedTuple):
    """What a run took, and the summary it returned."""

    seconds: float
    cpu_seconds: float
    summary: dict[str, Any]


def stop_streams(streams: Any, **arguments: Any) -> BatchRun:
    """Run the operator in this process, as a worker would: from ``execute`` to its return."""
    from airflow_provider_signalwire.operators.stream_cleanup import StopCallStreamsOperator

    operator = StopCallStreamsOperator(task_id="stop", streams=streams, fail_on_error=False, **arguments)
    task_instance = SimpleNamespace(xcom_push=lambda **pushed: None)
    started, cpu_started = time.perf_counter(), _cpu_seconds()
    summary = operator.execute({"ti": task_instance})
    return BatchRun(time.perf_counter() - started, _cpu_seconds() - cpu_started, summary)


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
