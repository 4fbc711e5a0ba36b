"""Run Airflow's UI with the simulator, a connection, calls with streams, and the example DAGs.

Run by ``make ui``. It writes only to AIRFLOW_HOME or to the given folder, which it empties first.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

from local_airflow import PROJECT_DIR, LocalAirflow, StandaloneAirflow, example_connections, free_port

from airflow_provider_signalwire.simulator.server import SimulatorServer

AIRFLOW_HOME = PROJECT_DIR / ".build" / "ui"
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STREAMS = ("caller-audio", "agent-audio", "transcript")


def main() -> None:
    """Run Airflow and the simulator until Ctrl-C."""
    for signal_number in STOP_SIGNALS:
        signal.signal(signal_number, interrupt)
    home = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else AIRFLOW_HOME
    started = time.monotonic()
    try:
        # Stops are slow, so that the UI shows the wait.
        with SimulatorServer(port=free_port(8787), stop_delay_ms=3000) as simulator:
            say(f"==> Simulator running in place of SignalWire at {simulator.url}")
            calls = [call for name in STREAMS for call in simulator.seed(streams=[{"name": name}])]
            say("==> Starting Airflow (takes half a minute)")
            with LocalAirflow(home, "ui.log").standalone(free_port(8080)) as airflow:
                for conn_id, fields in example_connections(simulator).items():
                    airflow.call_api("POST", "connections", {"connection_id": conn_id, **fields})
                explain(airflow, calls, time.monotonic() - started)
                airflow.process.wait()
                sys.exit(f"Airflow exited unexpectedly; see {airflow.log}")
    except KeyboardInterrupt:
        say("\n==> Stopped; nothing is left running")


def interrupt(number: int, frame: FrameType | None) -> None:
    """Treat SIGTERM and SIGHUP like Ctrl-C, and ignore further signals during the shutdown."""
    for signal_number in STOP_SIGNALS:
        signal.signal(signal_number, signal.SIG_IGN)
    raise KeyboardInterrupt


def explain(airflow: StandaloneAirflow, calls: list[dict[str, Any]], seconds: float) -> None:
    """Print the URLs, and values to paste."""
    say(
        f"""
Airflow     {airflow.url} (ready after {seconds:.0f} s)
Login       not needed; only this machine can connect
Connection  signalwire_default, to the simulator: {airflow.url}/connections
Log         {os.path.relpath(airflow.log)}

To stop a stream, open {airflow.url}/dags/stop_call_stream, click Trigger, and paste one of

  {"Call SID":36}  {"Stream SID":36}  Stream name"""
    )
    for call in calls:
        for stream in call["streams"]:
            say(f"  {call['sid']}  {stream['sid']}  {stream['name']}")
    say("\nPress Ctrl-C to stop everything.")


def say(text: str) -> None:
    """Print a line and flush it."""
    print(text, flush=True)


if __name__ == "__main__":
    main()
