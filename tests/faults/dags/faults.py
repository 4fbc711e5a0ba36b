"""Each way of the fault matrix as a DAG, whose only task is tried twice."""

from __future__ import annotations

import re
from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG
from fault_courses import STREAMS_IN_BATCH, WAYS
from fault_stage import Scene
from fault_ways import operator_of

SCENE = Scene(
    call_sids=[f"{{{{ params.call_sids[{number}] }}}}" for number in range(STREAMS_IN_BATCH)],
    stream_sids=[f"{{{{ params.stream_sids[{number}] }}}}" for number in range(STREAMS_IN_BATCH)],
)

for way in WAYS:
    with DAG(
        re.sub(r"\W+", "_", way.name),
        schedule=None,
        params={"call_sids": [], "stream_sids": []},
        default_args={"retries": 1, "retry_delay": timedelta(0)},
    ):
        operator_of(way.name, SCENE, "signalwire_0")
