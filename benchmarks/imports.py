"""What parsing a DAG file pays for its imports, after Airflow itself."""

from __future__ import annotations

from statistics import median

from benchmarks.processes import result_of
from benchmarks.results import Bar, Figure, Row

ROUNDS = 5

_AIRFLOW = "import airflow.sdk; from airflow.sdk import DAG, BaseOperator, BaseSensorOperator"
_OURS = (
    "from airflow_provider_signalwire.operators.call_stream import StartCallStreamOperator, StopCallStreamOperator; "
    "from airflow_provider_signalwire.operators.stream_cleanup import "
    "CallStreamCleanupOperator, StopCallStreamsOperator; "
    "from airflow_provider_signalwire.sensors.call import CallStatusSensor; "
    "from airflow_provider_signalwire.sensors.call_stream import CallStreamStatusSensor"
)
_HTTP = "from airflow.providers.http.operators.http import HttpOperator"


def measure() -> Figure:
    """Import in fresh interpreters that take turns."""
    for imports in (_OURS, _HTTP):
        _milliseconds(imports)  # writes the bytecode
    ours, http = zip(*((_milliseconds(_OURS), _milliseconds(_HTTP)) for _ in range(ROUNDS)), strict=True)
    our_time, http_time = median(ours), median(http)
    return Figure(
        rows=[
            Row(
                what="import of all operators and sensors, after airflow.sdk",
                ours=f"{our_time:.1f} ms",
                peer=f"HttpOperator: {http_time:.0f} ms",
                ratio=f"{our_time / http_time:.2f} times",
                target="at most 20 ms",
                met=our_time <= 20,
            )
        ],
        chart_title="Import in a DAG file, milliseconds after airflow.sdk",
        bars=[
            Bar(label="all operators and sensors", value=our_time, text=f"{our_time:.1f} ms", is_ours=True),
            Bar(label="HttpOperator", value=http_time, text=f"{http_time:.0f} ms"),
        ],
        notes=[
            f"Medians of {ROUNDS} fresh interpreters each, taking turns; before the clock starts, each has imported "
            "DAG, BaseOperator and BaseSensorOperator from `airflow.sdk`. "
            f"Fastest: {min(ours):.1f} and {min(http):.0f} ms."
        ],
    )


def _milliseconds(imports: str) -> float:
    code = f"{_AIRFLOW}\nimport time; t = time.perf_counter()\n{imports}\nprint(time.perf_counter() - t)"
    seconds: float = result_of("-c", code)
    return seconds * 1000
