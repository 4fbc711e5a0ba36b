"""Loads the DAGs of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

# On older versions of Airflow, there is no approval (3.1), no journal (3.2) or no retry policy (3.3).
MISSING = ("needs Airflow 3.", "No module named 'airflow.providers.standard'")


def load_dags(folder: Path) -> dict[str, Any]:
    """Return the DAGs by their ids."""
    # Imported here, because it takes each worker of pytest-xdist a second.
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # before Airflow 3.2
        from airflow.models.dagbag import DagBag

    bag = DagBag(folder)
    assert all(any(map(error.__contains__, MISSING)) for error in bag.import_errors.values()), bag.import_errors
    return dict(bag.dags)
