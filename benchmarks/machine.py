"""What else the machine does while something is measured."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

_STAT = Path("/proc/stat")


class CpuTime(NamedTuple):
    """Processor time of the whole machine so far, in ticks.

    :param used: What the machine's processes got.
    :param withheld: What they were ready to use while the host of a virtual machine gave it to others.
    """

    used: int
    withheld: int


def cpu_time() -> CpuTime:
    """Read it from the kernel; where there is none to be read, nothing counts as withheld."""
    if not _STAT.exists():
        return CpuTime(used=0, withheld=0)
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, _STAT.read_text().split()[1:9])
    return CpuTime(used=user + nice + system + irq + softirq, withheld=steal)


def withheld_since(before: CpuTime) -> float:
    """Return the share of the processor time asked for that the host withheld."""
    now = cpu_time()
    used, withheld = now.used - before.used, now.withheld - before.withheld
    return withheld / (used + withheld) if withheld else 0.0


def load_average() -> float:
    """Return the machine's load average of the last minute."""
    return os.getloadavg()[0]
