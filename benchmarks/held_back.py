"""What holds a missed figure back, by figure; shown only while it is missed."""

from __future__ import annotations

_TWO_CORES = (
    "On two cores there is little to spare: at the allowed rate the operator needs about 0.6 of a core and the "
    "simulator about as much, so whatever else runs on the machine (see the loads below) takes from the rate."
)

HELD_BACK: dict[str, str] = {
    "stop_many": _TWO_CORES,
    "stop_faulty": _TWO_CORES,
    "scaling": "The small batch is the dearer one: it shares out what a batch costs once, such as opening its "
    "connections, among few streams. That explains a part of the difference; the rest is not explained yet. Nothing "
    "was seen to grow faster than the number of streams.",
    "sensors": "A thousand sensors that were deferred in the same second look in the same second: then an iteration of "
    "the event loop has up to 64 answers to read, and a busy machine stretches it. A full garbage collection of a "
    "process that has loaded Airflow takes longer than 50 ms, too; see below. No look waits for anything on the loop.",
}
