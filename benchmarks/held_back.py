"""What holds a missed figure back, by figure; shown only while it is missed."""

from __future__ import annotations

HELD_BACK: dict[str, str] = {}
