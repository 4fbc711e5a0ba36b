"""The client for tasks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self, TypeVar

from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.client.flows.pages import RecordPager
from airflow_provider_signalwire.client.policy.observer import NULL_OBSERVER, Observer
from airflow_provider_signalwire.client.policy.retry import RetryPolicy
from airflow_provider_signalwire.client.policy.steps import Flow, Pause
from airflow_provider_signalwire.client.protocol.http import HttpResult
from airflow_provider_signalwire.client.protocol.redaction import clears_locals
from airflow_provider_signalwire.client.transport.sync_transport import SyncTransport
from airflow_provider_signalwire.exceptions import SignalWireError

T = TypeVar("T")


class SignalWireClient:
    """Runs flows for synchronous code; close it, or use it in a ``with`` statement.

    :param settings: Origin, credentials and timeouts.
    :param observer: Is notified of the client's requests.
    """

    def __init__(self, settings: ClientSettings, *, observer: Observer = NULL_OBSERVER) -> None:
        self.settings = settings
        self._policy = RetryPolicy(settings, observer)
        self._transport = SyncTransport(settings)

    @property
    def retries(self) -> int:
        """How many requests were sent again."""
        return self._policy.retries

    @clears_locals
    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its result."""
        attempts = self._policy.drive(flow)
        try:
            step = next(attempts)
            while True:
                result: HttpResult | None = None
                if isinstance(step, Pause):
                    time.sleep(step.seconds)
                else:
                    result = self._transport.send(step)
                step = attempts.send(result)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # a generator's return value, typed by Flow[T]
        except SignalWireError as error:
            # The message says what happened. The frames of retries and flows would only push it down in the log.
            raise error.with_traceback(None) from error.__cause__
        finally:
            attempts.close()

    def iterate(self, pager: RecordPager[T]) -> Iterator[T]:
        """Yield the records of a list; a page is fetched when it is needed."""
        while not pager.exhausted:
            yield from self.run(pager.next_page())

    def close(self) -> None:
        """Close the pooled connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
