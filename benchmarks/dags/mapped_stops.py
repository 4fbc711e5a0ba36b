"""The peer of the batch operator: one HttpOperator task for each stream."""

from __future__ import annotations

import json
import os
from pathlib import Path

from airflow.providers.http.operators.http import HttpOperator
from airflow.sdk import DAG

ENDPOINTS = json.loads(Path(os.environ["BENCHMARK_ENDPOINTS"]).read_text())

with DAG("mapped_stops", schedule=None, max_active_tasks=32):
    HttpOperator.partial(
        task_id="stop",
        http_conn_id="http_default",
        method="POST",
        data={"Status": "stopped"},
    ).expand(endpoint=ENDPOINTS)
