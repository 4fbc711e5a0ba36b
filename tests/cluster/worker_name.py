"""What a worker takes for its machine's name, as Airflow's setting ``hostname_callable``."""

from __future__ import annotations

import os


def hostname() -> str:
    return os.environ.get("CLUSTER_HOSTNAME", "main")
