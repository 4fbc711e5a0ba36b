"""The same stops with mapped HttpOperators, deferrable HttpOperators, and one StopCallStreamsOperator."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

from airflow.providers.http.operators.http import HttpOperator
from airflow.sdk import DAG

from airflow_provider_signalwire.operators.stream_cleanup import StopCallStreamsOperator

FOLDER = Path(os.environ["BENCHMARK_FOLDER"])
# Airflow's scheduler fails a task whose trigger ends before the executor has reported the deferral.
RETRIES = {"retries": 3, "retry_delay": timedelta(seconds=1)}

for name, deferrable in {"http": False, "http_deferrable": True}.items():
    with DAG(name, schedule=None, max_active_tasks=64, default_args=RETRIES):
        HttpOperator.partial(
            task_id="stop", pool="benchmark", method="POST", data={"Status": "stopped"}, deferrable=deferrable
        ).expand(endpoint=json.loads((FOLDER / "endpoints.json").read_text()))

with DAG("provider", schedule=None, default_args=RETRIES):
    StopCallStreamsOperator(task_id="stop", streams=str(FOLDER / "streams.jsonl"))
