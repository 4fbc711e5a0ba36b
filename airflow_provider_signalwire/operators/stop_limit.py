"""The limit of a cleanup: above it, the task fails, or asks a person in Airflow's UI (Airflow 3.3 and newer)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_signalwire.exceptions import SignalWireBatchRefusedError, SignalWireConfigurationError

if TYPE_CHECKING:
    from airflow_provider_signalwire.operators.journal_search import JournalSearch

log = logging.getLogger(__name__)

APPROVE = "Approve"
REJECT = "Reject"

# They are stored with the task while it waits. The rest is left to the next run.
_MAX_STREAMS = 10_000


@dataclass(frozen=True)
class Question:
    """A question to a person. The task leaves the worker, and goes on in ``execute_complete``.

    :param context: The task's context.
    :param timeout: Seconds to wait for a response.
    """

    context: Any
    timeout: float

    def ask_about_streams(self, search: JournalSearch, problem: str) -> NoReturn:
        """Ask whether to stop the streams that were found in the journal."""
        asked_for = [list(found.ids) for found in search.forgotten[:_MAX_STREAMS]]
        subject = f"Stop {len(asked_for):,} forgotten streams?"
        self._ask(subject, f"{problem}\n\n{search.describe_first()}", {"asked_for": asked_for})

    def ask_about_names(self, problem: str) -> NoReturn:
        """Ask whether to stop more streams by name."""
        self._ask("Stop more streams by name?", problem, {"progress": problem})

    def _ask(self, subject: str, body: str, kwargs: dict[str, Any]) -> NoReturn:
        from airflow.sdk.exceptions import TaskAwaitingInput
        from airflow.sdk.execution_time.hitl import upsert_hitl_detail

        log.info("%s Waiting for a person to approve or reject.", body)
        upsert_hitl_detail(
            ti_id=self.context["ti"].id,
            options=[APPROVE, REJECT],
            subject=subject,
            body=body,
            params={},  # the API server refuses the default
        )
        timeout = timedelta(seconds=self.timeout)
        raise TaskAwaitingInput(method_name="execute_complete", kwargs=kwargs, timeout=timeout)


@dataclass(frozen=True)
class StopLimit:
    """How many streams a cleanup may stop, and what happens at that limit.

    :param max_stops: The limit; None means no limit.
    :param question: What to ask a person at the limit; None means that the task fails there. After an approval there is
        no second question, because Airflow keeps one of a try.
    :param approved_streams: The streams of the journal that a person has approved, by call and stream. No others of the
        journal are stopped, and these do not count.
    :param are_names_approved: Whether a person has approved to stop any number of streams by name.
    """

    max_stops: int | None
    question: Question | None = None
    approved_streams: frozenset[tuple[str, str]] | None = None
    are_names_approved: bool = False

    def apply(self, search: JournalSearch) -> JournalSearch:
        """Return what may be stopped of what was found in the journal.

        :raises SignalWireBatchRefusedError: if the journal lists more than the limit, and there is no question to ask.
        """
        if self.approved_streams is not None:
            return search.only(self.approved_streams)
        count = len(search.forgotten)
        if self.max_stops is None or count <= self.max_stops:
            return search
        problem = f"The journal lists {count:,} forgotten streams, more than 'max_stops' ({self.max_stops:,})."
        if self.question is not None:
            self.question.ask_about_streams(search, problem)
        raise SignalWireBatchRefusedError(
            f"{problem} No stream was stopped. Check the list before you raise the limit:\n{search.describe_first()}"
        )

    def max_accepted(self, search: JournalSearch) -> int | None:
        """Return how many stops SignalWire may accept, of what was found in the journal and by name."""
        if self.max_stops is None or self.are_names_approved:
            return None
        return self.max_stops + (len(search.forgotten) if self.approved_streams is not None else 0)


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


def check_response(event: Any, progress: str) -> None:
    """Return if a person has approved.

    :param progress: What was done before.
    :raises SignalWireBatchRefusedError: in any other case.
    """
    response = event if isinstance(event, Mapping) else {}
    if response.get("chosen_options") == [APPROVE] and not response.get("timedout"):
        return
    reason = "was rejected" if response.get("chosen_options") == [REJECT] else "got no response in time"
    raise SignalWireBatchRefusedError(f"The request to stop the streams {reason}. {progress}")
