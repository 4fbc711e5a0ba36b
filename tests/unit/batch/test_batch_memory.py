"""What a batch remembers across tries of its task."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow_provider_signalwire.batch.checkpoint import BatchMemory


def next_try(store: Any, fingerprint: str = "f") -> BatchMemory:
    return BatchMemory({"task_state_store": store}, fingerprint)


def done(memory: BatchMemory, total: int) -> list[int]:
    return [index for index in range(total) if memory.is_done(index)]


def test_streams_that_ended_out_of_order(store: Any) -> None:
    memory = next_try(store)
    for index in (2, 0, 3):
        memory.finish(index, "stopped")
    memory.save()
    again = next_try(store)
    assert done(again, 5) == [0]  # 1 is still open, so 2 and 3 are asked for again
    assert again.counts == {"stopped": 1}


def test_failed_streams_are_tried_again_and_counted_once(store: Any) -> None:
    memory = next_try(store)
    for index, how in enumerate(["stopped", "failed", "missing", "failed", "stopped"]):
        memory.finish(index, how)
    memory.save()
    again = next_try(store)
    assert done(again, 6) == [0, 2, 4]
    again.finish(1, "stopped")
    again.finish(3, "failed")
    again.save()
    third = next_try(store)
    assert done(third, 6) == [0, 1, 2, 4]
    assert third.counts == {"stopped": 3, "missing": 1}


def test_note_stays_short_when_everything_fails(store: Any) -> None:
    memory = next_try(store)
    for index in range(1500):
        memory.finish(index, "failed")
    memory.finish(1500, "stopped")
    memory.save()
    again = next_try(store)
    assert len(store.values["signalwire_stopped_streams"]) < 10_000
    assert done(again, 1600) == []


def test_note_about_another_input_is_void(store: Any) -> None:
    memory = next_try(store)
    memory.finish(0, "stopped")
    memory.save()
    assert done(next_try(store, "another"), 1) == []


def test_note_is_forgotten_when_the_task_is_done(store: Any) -> None:
    memory = next_try(store)
    memory.finish(0, "stopped")
    memory.save()
    assert store.retention == timedelta(hours=6)
    memory.forget()
    assert done(next_try(store), 1) == []


def test_without_a_store_every_try_begins_anew() -> None:
    memory = BatchMemory({}, "f")
    memory.finish(0, "stopped")
    memory.save()
    memory.forget()
    assert done(BatchMemory({}, "f"), 1) == []
