"""A script's clock is that of its own thread: a simulator in another thread would sleep until the script's time."""

from __future__ import annotations

import threading
import time

from scripted import MONOTONIC, WALL, run

from airflow_provider_signalwire.client.policy.steps import Pause


def test_other_threads_keep_their_clock():
    in_other_thread, in_flow = [], []

    def read_clocks(seen):
        seen.extend((time.monotonic(), time.time()))

    def flow():
        yield Pause(5.0)
        other = threading.Thread(target=read_clocks, args=(in_other_thread,))
        other.start()
        other.join()
        read_clocks(in_flow)

    earliest = (time.monotonic(), time.time())
    run(flow())

    assert in_flow == [MONOTONIC + 5, WALL + 5]
    assert earliest[0] <= in_other_thread[0] <= time.monotonic()
    assert earliest[1] <= in_other_thread[1] <= time.time()
