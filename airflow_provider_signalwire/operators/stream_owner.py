"""What a stream says about the task that started it: its default name, and custom parameters."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_signalwire.exceptions import SignalWireConfigurationError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator

_NAMES = ("airflow_dag_id", "airflow_run_id", "airflow_task_id", "airflow_map_index", "airflow_stream_ends_at")


def default_stream_name(task: BaseOperator, context: Any) -> str:
    """Return the name of a stream whose task does not set one: the DAG, the task and, in a mapped task, its index."""
    map_index = _map_index(context)
    name = f"{task.dag_id}.{task.task_id}"
    return name if map_index is None else f"{name}.{map_index}"


def add_owner_parameters(
    parameters: Mapping[str, str] | None, task: BaseOperator, context: Any, *, ends_at: float | None = None
) -> dict[str, str]:
    """Return a stream's custom parameters together with those that name the task that starts it.

    :param parameters: The user's parameters.
    :param task: The task.
    :param context: The task's context.
    :param ends_at: When the stream is meant to end, in seconds since the epoch, if that is known.
    :raises SignalWireConfigurationError: if a parameter of the user has the same name.
    """
    values = (
        task.dag_id,
        getattr(context.get("ti"), "run_id", None),
        task.task_id,
        _map_index(context),
        None if ends_at is None else datetime.fromtimestamp(ends_at, UTC).isoformat(timespec="seconds"),
    )
    owner = {name: str(value) for name, value in zip(_NAMES, values, strict=True) if value is not None}
    if taken := sorted(set(parameters or {}).intersection(_NAMES)):
        raise SignalWireConfigurationError(
            f"Parameter 'parameters' has {', '.join(map(repr, taken))}, which 'owner_parameters' adds: choose another "
            "name, or leave 'owner_parameters' out."
        )
    return {**(parameters or {}), **owner}


def _map_index(context: Any) -> int | None:
    map_index: int | None = getattr(context.get("ti"), "map_index", -1)
    return None if map_index is None or map_index < 0 else map_index
