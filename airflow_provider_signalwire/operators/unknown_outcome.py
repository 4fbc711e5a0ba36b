"""Requests that a retry of the task must not repeat."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow_provider_signalwire._compat import AirflowTaskTimeout
from airflow_provider_signalwire.exceptions import SignalWireError, SignalWireUnknownOutcomeError


@contextmanager
def ends_task_if_unknown(effect: str, advice: str) -> Iterator[None]:
    """End the task without a retry if the request in the block may have been processed.

    :param effect: Says what the request may have done, as the client's own error does.
    :param advice: Says what to do next.
    """
    try:
        yield
    except SignalWireError as failure:
        if failure.outcome != "unknown":
            raise
        problem = str(failure)
    except AirflowTaskTimeout:
        problem = f"The task's execution_timeout ended the request. {effect}"
    else:
        return
    raise SignalWireUnknownOutcomeError(f"{problem} {advice}")
