"""Many flows at once: bounded concurrency, paced rate, and an outcome for each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TypeVar

from airflow_provider_signalwire.client.policy.steps import Flow
from airflow_provider_signalwire.client.transport.async_client import SignalWireAsyncClient
from airflow_provider_signalwire.exceptions import SignalWireError

K = TypeVar("K")
T = TypeVar("T")


async def run_batch(
    client: SignalWireAsyncClient,
    flows: Iterable[tuple[K, Flow[T]]],
    *,
    max_concurrency: int,
    on_outcome: Callable[[K, T | SignalWireError], None],
) -> None:
    """Run every flow, at most some at a time; one that fails stops none of the others.

    The flows are taken from their iterable one by one, as there is room for them: memory grows with the concurrency
    and not with their number. Cancelling the task that awaits this ends all of them.

    :param client: Drives the flows, at its own pace.
    :param flows: Each with a key to know it by.
    :param max_concurrency: How many run at the same time.
    :param on_outcome: Is told each flow's key, and its result or its error.
    """
    waiting = iter(flows)

    async def work() -> None:
        for key, flow in waiting:
            try:
                outcome: T | SignalWireError = await client.run(flow)
            except SignalWireError as error:
                outcome = error
            on_outcome(key, outcome)

    async with asyncio.TaskGroup() as workers:
        for _ in range(max_concurrency):
            workers.create_task(work())
