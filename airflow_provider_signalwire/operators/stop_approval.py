"""The limit of a cleanup: above it, the task fails, or asks a person in Airflow's UI (Airflow 3.3 and newer)."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_signalwire.client.protocol.validation import validate_integer
from airflow_provider_signalwire.exceptions import SignalWireBatchRefusedError, SignalWireConfigurationError

if TYPE_CHECKING:
    from airflow_provider_signalwire.operators.journal_search import JournalSearch

log = logging.getLogger(__name__)

APPROVE = "Approve"
REJECT = "Reject"

# They are stored with the task while it waits. The rest is left to the next run.
_MAX_STREAMS = 10_000


def validate_limit(max_stops: Any) -> int | None:
    """Return the maximum number of stops; None means no limit."""
    return None if max_stops is None else validate_integer("max_stops", max_stops, minimum=1, maximum=sys.maxsize)


def check_approval_supported() -> None:
    """Refuse an Airflow that cannot wait for a person without a trigger.

    :raises SignalWireConfigurationError: if it is older than 3.3.
    """
    try:
        from airflow.sdk.exceptions import TaskAwaitingInput  # noqa: F401 - only whether it exists
    except ImportError:
        raise SignalWireConfigurationError(
            "Parameter 'on_limit' is 'approve': this needs Airflow 3.3 or newer, which can wait for a person."
        ) from None


def check_limit(
    context: Any, search: JournalSearch, max_stops: int | None, *, on_limit: str, response_timeout: float
) -> None:
    """Return if a cleanup may stop what it has found.

    :param context: The task's context.
    :param search: What was found.
    :param max_stops: The limit; None means no limit.
    :param on_limit: What to do above the limit: ``fail``, or ``approve`` to ask a person. Then the task leaves the
        worker and goes on in ``execute_complete``.
    :param response_timeout: Seconds to wait for that person.
    :raises SignalWireBatchRefusedError: above the limit.
    """
    count = len(search.forgotten)
    if max_stops is None or count <= max_stops:
        return
    problem = f"The journal lists {count:,} forgotten streams, more than 'max_stops' ({max_stops:,})."
    if on_limit == "approve":
        log.info("%s Waiting for a person to approve or reject.", problem)
        _ask(context, search, problem, timeout=timedelta(seconds=response_timeout))
    raise SignalWireBatchRefusedError(
        f"{problem} No stream was stopped. Check the list before you raise the limit:\n{search.describe_first()}"
    )


def _ask(context: Any, search: JournalSearch, problem: str, *, timeout: timedelta) -> NoReturn:
    from airflow.sdk.exceptions import TaskAwaitingInput
    from airflow.sdk.execution_time.hitl import upsert_hitl_detail

    asked_for = [list(found.ids) for found in search.forgotten[:_MAX_STREAMS]]
    upsert_hitl_detail(
        ti_id=context["ti"].id,
        options=[APPROVE, REJECT],
        subject=f"Stop {len(asked_for):,} forgotten streams?",
        body=f"{problem}\n\n{search.describe_first()}",
        params={},  # the API server refuses the default
    )
    raise TaskAwaitingInput(method_name="execute_complete", kwargs={"asked_for": asked_for}, timeout=timeout)


def check_response(event: Any) -> None:
    """Return if a person has approved.

    :raises SignalWireBatchRefusedError: in any other case.
    """
    response = event if isinstance(event, Mapping) else {}
    if response.get("chosen_options") == [APPROVE] and not response.get("timedout"):
        return
    reason = "was rejected" if response.get("chosen_options") == [REJECT] else "got no response in time"
    raise SignalWireBatchRefusedError(f"The request to stop the streams {reason}. No stream was stopped.")
