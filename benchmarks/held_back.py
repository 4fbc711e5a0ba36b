"""What holds a missed figure back, by figure; shown only while it is missed."""

from __future__ import annotations

_TWO_CORES = (
    "On two cores there is little to spare: at the allowed rate the operator needs about 0.6 of a core and the "
    "simulator about as much, so whatever else runs on the machine (see the loads below) takes from the rate."
)

HELD_BACK: dict[str, str] = {
    "stop_many": _TWO_CORES,
    "stop_faulty": _TWO_CORES,
    "sensors": "No look waits for anything on the event loop; many answers that arrive together on a busy machine may "
    "take their time.",
}
