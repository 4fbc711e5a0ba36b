"""Each scenario of the fault matrix as a DAG, whose only task is tried twice."""

from __future__ import annotations

import re
from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG
from fault_scenarios import SCENARIOS, STREAMS_IN_BATCH, Seeded, make_operator

SEEDED = Seeded(
    call_sids=[f"{{{{ params.call_sids[{number}] }}}}" for number in range(STREAMS_IN_BATCH)],
    stream_sids=[f"{{{{ params.stream_sids[{number}] }}}}" for number in range(STREAMS_IN_BATCH)],
)

for scenario in SCENARIOS:
    with DAG(
        re.sub(r"\W+", "_", scenario.name),
        schedule=None,
        params={"call_sids": [], "stream_sids": []},
        default_args={"retries": 1, "retry_delay": timedelta(0)},
    ):
        make_operator(scenario.name, SEEDED, "signalwire_0", timeout=1)
