"""What a task that ends knows of its try: whether Airflow counts it as a success, or has given it up."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_signalwire.threads import call_in_thread

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

log = logging.getLogger(__name__)

_AIRFLOW_SECONDS = 1.0
_PROBE_KEY = "signalwire_probe"


def is_success_reported(context: Any, stream: str) -> bool:
    """Return whether the task has reported its success to Airflow, or is about to; its stream must then stay.

    :param stream: Names the stream in the log.
    """
    ti = context.get("ti")
    is_reporting = hasattr(ti, "get_dr_count") and getattr(ti, "end_date", None) is not None  # Airflow 3
    if is_reporting and getattr(ti, "state", None) != "success":
        log.warning(
            "The task was told to end while it reported its success. %s is running since %s.",
            *(stream, ti.end_date.isoformat(timespec="seconds")),
        )
    return is_reporting or getattr(ti, "state", None) == "success"


def is_current_try(context: Any) -> bool:
    """Return whether no other try can have begun; one that has owns the stream's name.

    If Airflow does not respond in time, it cannot have begun another try either.
    """
    return not run_briefly(lambda: _is_given_up(context))


def run_briefly(ask_airflow: Callable[[], T]) -> T | None:
    """Wait for Airflow for a second. In a thread, because a signal may have interrupted a request to it in this one."""
    with contextlib.suppress(TimeoutError):
        return call_in_thread(ask_airflow, name="signalwire-airflow", timeout=_AIRFLOW_SECONDS)
    return None


def _is_given_up(context: Any) -> bool:
    """Return whether Airflow has given up this try: its supervisor is gone, or the next try has taken its place."""
    ti, store = context.get("ti"), context.get("task_state_store")
    try:
        if store is not None:
            return _is_replaced(store) and not _is_restarting(ti)
        if hasattr(ti, "get_dr_count"):  # Airflow 3.0 to 3.2: any call shows whether the supervisor is there
            ti.get_dr_count(dag_id=ti.dag_id, run_ids=[ti.run_id])
        elif hasattr(ti, "get_task_instance"):  # Airflow 2 has no API between a task and its database
            current = type(ti).get_task_instance(
                dag_id=ti.dag_id, run_id=ti.run_id, task_id=ti.task_id, map_index=ti.map_index
            )
            return current is None or bool(current.try_number != ti.try_number)
    except (OSError, EOFError):
        return True
    except Exception as error:
        log.debug("Airflow did not say whether this try is the current one: %r.", error)
    return False


def _is_replaced(store: Any) -> bool:
    """Return whether the API server knows this try's id no longer. Reading from the store would not tell."""
    status: int | None = None
    for _ in range(2):  # the first response may be the one to a call that a signal interrupted
        try:
            store.delete(_PROBE_KEY)
            status = None
        except (OSError, EOFError):
            raise
        except Exception as error:
            detail = getattr(getattr(error, "error", None), "detail", None) or {}
            status = detail.get("status_code")
    return status in (404, 409, 410)


def _is_restarting(ti: Any) -> bool:
    """Return whether the task was cleared while it ran: then its next try begins when this one has ended."""
    states = ti.get_task_states(dag_id=ti.dag_id, map_index=ti.map_index, task_ids=[ti.task_id], run_ids=[ti.run_id])
    return "restarting" in states.get(ti.run_id, {}).values()
