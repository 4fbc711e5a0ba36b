"""The host name of a worker, for Airflow's option ``[core] hostname_callable``."""

from __future__ import annotations

import os


def hostname() -> str:
    return os.environ.get("CLUSTER_HOSTNAME", "main")
