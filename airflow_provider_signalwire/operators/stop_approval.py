"""The limit of a cleanup: above it, the task fails, or asks a person in Airflow's UI (Airflow 3.3 and newer)."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
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


def check_limit(search: JournalSearch, max_stops: int | None, ask: Callable[[str], None] | None) -> None:
    """Return if a cleanup may stop what it has found in the journal.

    :param search: What was found.
    :param max_stops: The limit; None means no limit.
    :param ask: Asks a person above the limit, and does not return. None means that the task fails.
    :raises SignalWireBatchRefusedError: above the limit.
    """
    count = len(search.forgotten)
    if max_stops is None or count <= max_stops:
        return
    problem = f"The journal lists {count:,} forgotten streams, more than 'max_stops' ({max_stops:,})."
    if ask is not None:
        ask(problem)
    raise SignalWireBatchRefusedError(
        f"{problem} No stream was stopped. Check the list before you raise the limit:\n{search.describe_first()}"
    )


def ask_about_streams(context: Any, search: JournalSearch, problem: str, *, timeout: float) -> NoReturn:
    """Ask a person whether to stop the streams that were found."""
    asked_for = [list(found.ids) for found in search.forgotten[:_MAX_STREAMS]]
    subject = f"Stop {len(asked_for):,} forgotten streams?"
    _ask(context, subject, f"{problem}\n\n{search.describe_first()}", {"asked_for": asked_for}, timeout)


def ask_to_go_on(context: Any, problem: str, *, timeout: float) -> NoReturn:
    """Ask a person whether to stop more streams by name."""
    _ask(context, "Stop more streams by name?", problem, {"progress": problem}, timeout)


def _ask(context: Any, subject: str, body: str, kwargs: dict[str, Any], timeout: float) -> NoReturn:
    """Let the task leave the worker; it goes on in ``execute_complete`` with these arguments.

    :param timeout: Seconds to wait for a person.
    """
    from airflow.sdk.exceptions import TaskAwaitingInput
    from airflow.sdk.execution_time.hitl import upsert_hitl_detail

    log.info("%s Waiting for a person to approve or reject.", body)
    upsert_hitl_detail(
        ti_id=context["ti"].id,
        options=[APPROVE, REJECT],
        subject=subject,
        body=body,
        params={},  # the API server refuses the default
    )
    raise TaskAwaitingInput(method_name="execute_complete", kwargs=kwargs, timeout=timedelta(seconds=timeout))


def check_response(event: Any, progress: str = "No stream was stopped.") -> None:
    """Return if a person has approved.

    :param progress: What was done before.
    :raises SignalWireBatchRefusedError: in any other case.
    """
    response = event if isinstance(event, Mapping) else {}
    if response.get("chosen_options") == [APPROVE] and not response.get("timedout"):
        return
    reason = "was rejected" if response.get("chosen_options") == [REJECT] else "got no response in time"
    raise SignalWireBatchRefusedError(f"The request to stop the streams {reason}. {progress}")
