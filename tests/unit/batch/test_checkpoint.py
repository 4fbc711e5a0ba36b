"""What a batch remembers across the tries of its task."""

from __future__ import annotations

import json
import logging
import threading
import time
from datetime import timedelta

import pytest

from airflow_provider_signalwire.batch import checkpoint as batch_checkpoint
from airflow_provider_signalwire.batch.checkpoint import BatchCheckpoint


def done(checkpoint, total):
    return [index for index in range(total) if checkpoint.is_done(index)]


def new_checkpoint(store, key="key"):
    return BatchCheckpoint({"task_state_store": store}, key)


def recorded(store, *outcomes):
    checkpoint = new_checkpoint(store)
    for index, outcome in outcomes:
        checkpoint.record(index, outcome)
    checkpoint.save()
    return new_checkpoint(store)


def test_rows_in_progress_are_repeated_and_finished_ones_are_not(store):
    resumed = recorded(store, (3, "stopped"), (0, "stopped"), (4, "already_ended"))
    assert done(resumed, 7) == [0, 3, 4]
    assert resumed.counts == {"stopped": 2, "already_ended": 1}


def test_missing_and_failed_rows_are_repeated_until_they_are_stopped(store):
    resumed = recorded(store, (0, "missing"), (1, "stopped"), (2, "failed"), (3, "stopped"))
    assert done(resumed, 5) == [1, 3]
    resumed = recorded(store, (0, "stopped"), (2, "failed"))
    assert done(resumed, 5) == [0, 1, 3]
    assert resumed.counts == {"stopped": 3, "already_ended": 0}


def test_nothing_is_written_before_a_row_has_ended_and_only_changes_after(store, monkeypatch):
    written = []
    monkeypatch.setattr(store, "set", lambda key, value, *, retention: written.append(retention))
    checkpoint = new_checkpoint(store)
    checkpoint.save()
    assert written == []
    checkpoint.record(0, "stopped")
    checkpoint.save()
    checkpoint.save()
    assert written == [timedelta(hours=6)]


def test_value_stays_small_when_everything_fails(store):
    checkpoint = new_checkpoint(store)
    for index in range(6000):
        checkpoint.record(index, "failed")
        if index % 500 == 0:
            checkpoint.save()
    assert len(store.entries["signalwire_stopped_streams"]) < 65_535
    assert done(new_checkpoint(store), 100) == []


@pytest.mark.parametrize(
    "value", ["text", {"key": "key"}, {"key": "key", "finished_below": "x", "unfinished": 1, "counts": {}}]
)
def test_value_of_another_version_is_ignored(store, value):
    store.entries["signalwire_stopped_streams"] = json.dumps(value)
    assert done(new_checkpoint(store), 3) == []


def test_unavailable_store_is_logged_once(caplog):
    class Unavailable:
        def __getattr__(self, name):
            raise ConnectionError("gone")

    with caplog.at_level(logging.WARNING):
        checkpoint = new_checkpoint(Unavailable())
        for index in range(3):
            checkpoint.record(index, "stopped")
            checkpoint.save()
        checkpoint.clear()
    [warning] = caplog.records
    assert "could not be read (ConnectionError: gone). The work goes on" in warning.getMessage()


class SlowStore:
    """Responds to nothing until it is released."""

    def __init__(self, store):
        self._store = store
        self.requests = 0
        self.released = threading.Event()

    def __getattr__(self, name):
        def request(*arguments, **options):
            self.requests += 1
            assert self.released.wait(20)
            return getattr(self._store, name)(*arguments, **options)

        return request


def test_store_that_does_not_respond_is_not_waited_for(store, monkeypatch, caplog):
    recorded(store, (0, "stopped"))
    slow = SlowStore(store)
    monkeypatch.setattr(batch_checkpoint, "_TIMEOUT_SECONDS", 0.05)
    checkpoint = new_checkpoint(slow)
    assert done(checkpoint, 1) == []
    assert "could not be read (TimeoutError: no response in 0.05 s)" in caplog.text
    checkpoint.record(0, "stopped")
    checkpoint.save()
    checkpoint.clear()
    assert (checkpoint.is_busy, slow.requests) == (True, 1)
    slow.released.set()
    checkpoint.record(1, "stopped")
    checkpoint.save()
    while checkpoint.is_busy:  # its thread ends a moment after the response
        time.sleep(0.001)
    assert checkpoint.counts == {"stopped": 2}
    assert done(new_checkpoint(store), 3) == [0, 1]
