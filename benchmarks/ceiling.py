"""The simulator's own ceiling: it must not be what limits a client."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from pathlib import Path

from benchmarks.results import BUILD_DIR, Figure, Row
from benchmarks.simulators import ALLOWED_RATE, PROJECT, TOKEN, Simulator, running_simulator

SECONDS = 6
CONNECTIONS = 128


def measure() -> Figure:
    """Let wrk stop a stream again and again."""
    wrk = shutil.which("wrk")
    if wrk is None:
        return Figure(rows=[], notes=["wrk is not installed (apt-get install wrk), so the ceiling was not measured."])
    with running_simulator() as simulator:
        rate = _rate(wrk, simulator)
    return Figure(
        rows=[
            Row(
                what="the simulator itself, no latency, stops by wrk",
                ours=f"{rate:,.0f} a second",
                peer=f"allowed: {ALLOWED_RATE:,.0f} a second",
                ratio=f"{rate / ALLOWED_RATE:.1f} times",
                target="above 1: not the bottleneck",
                met=rate > ALLOWED_RATE,
            )
        ],
        notes=[
            f"wrk with {CONNECTIONS} connections and one thread, {SECONDS} s, each request a stop that is answered 200."
        ],
    )


def _rate(wrk: str, simulator: Simulator) -> float:
    (stream,) = simulator.seed(1)
    script = BUILD_DIR / "stop.lua"
    _write_script(script)
    path = f"/api/laml/2010-04-01/Accounts/{PROJECT}/Calls/{stream['call_sid']}/Streams/{stream['stream_sid']}"
    options = ["-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s", str(script)]
    said = subprocess.run([wrk, *options, simulator.url + path], stdout=subprocess.PIPE, text=True, check=True).stdout
    rate = re.search(r"Requests/sec:\s*([\d.]+)", said)
    if rate is None or "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(f"wrk did not do what it should:\n{said}")
    return float(rate[1])


def _write_script(path: Path) -> None:
    credentials = base64.b64encode(f"{PROJECT}:{TOKEN}".encode()).decode()
    path.write_text(
        'wrk.method = "POST"\n'
        'wrk.body = "Status=stopped"\n'
        'wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"\n'
        f'wrk.headers["Authorization"] = "Basic {credentials}"\n'
    )
