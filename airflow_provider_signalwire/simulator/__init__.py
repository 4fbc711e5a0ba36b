"""An in-memory SignalWire for tests and demos: calls, conferences, their streams and recordings, served over real HTTP.

Start it with ``python -m airflow_provider_signalwire.simulator``, or inside a test with :class:`SimulatorServer`.

``app`` logs each request and lets a fault change it. ``routing`` finds its endpoint, which is one of
``compatibility.endpoints``, ``native`` or ``control``. The endpoints read and change what ``store`` holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_signalwire.simulator.server import SimulatorServer

__all__ = ["SimulatorServer"]


def __getattr__(name: str) -> Any:
    # Imported on first use: pytest imports this package for its plugin, also where the extra is not installed.
    if name == "SimulatorServer":
        from airflow_provider_signalwire.simulator.server import SimulatorServer

        return SimulatorServer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
