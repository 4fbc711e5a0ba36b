"""What really leaves the machine: Airflow's own StatsD client, and a server that listens."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections import Counter

import pytest

WORKER = """
import contextlib, sys
with contextlib.suppress(ImportError):  # before Airflow 3.2
    import airflow.sdk.serde  # with it, Airflow 3.2 and newer set their metrics up
from airflow_provider_signalwire.hooks.signalwire import SignalWireHook

streams = [{"call_sid": call, "stream_sid": "media"} for call in sys.argv[1:]]
SignalWireHook().stop_call_stream(**streams[0])
if "airflow.sdk.serde" in sys.modules:  # Airflow 3.0 imports aiohttp itself
    assert "aiohttp" not in sys.modules, "the synchronous client needs no aiohttp"
from airflow_provider_signalwire.operators.stream_cleanup import StopCallStreamsOperator
StopCallStreamsOperator(task_id="stop", streams=streams).execute({})
"""


def run_worker(port, calls):
    """Stop a stream by the hook and all by a batch, in a new process: Airflow reads these settings when it starts."""
    environment = {
        **os.environ,
        "AIRFLOW__METRICS__STATSD_ON": "True",
        "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
        "AIRFLOW__METRICS__STATSD_PORT": str(port),
        "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": "True",
    }
    done = subprocess.run([sys.executable, "-c", WORKER, *calls], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.fixture
def calls(simulator, connection):
    return [call["sid"] for call in simulator.seed(count=3, streams=[{"name": "media"}])]


def test_what_is_sent_over_the_wire(simulator, calls):
    simulator.set_faults([{"kind": "status", "status": 429, "headers": {"Retry-After": "0"}}])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        run_worker(server.getsockname()[1], calls)
        received = _packets(server)
    counts = Counter(packet for packet in received if packet.endswith("|c"))
    operation = "operation=stop_call_stream"
    assert {packet: count for packet, count in counts.items() if "signalwire" in packet} == {
        f"airflow.signalwire.requests,{operation},outcome=rate_limited:1|c": 1,
        f"airflow.signalwire.requests,{operation},outcome=ok:1|c": 4,
        f"airflow.signalwire.retries,{operation}:1|c": 1,
        f"airflow.signalwire.rate_limit.waits,{operation}:1|c": 1,
        "airflow.signalwire.streams.stopped,outcome=stopped,how=stopped:1|c": 4,
    }
    duration = f"airflow.signalwire.request.duration,{operation}:"
    milliseconds = [
        float(packet.split(":")[1].removesuffix("|ms")) for packet in received if packet.startswith(duration)
    ]
    assert len(milliseconds) == 5
    assert all(0 < value < 60_000 for value in milliseconds)
    assert any(packet.startswith("airflow.signalwire.batch.streams_per_second:") for packet in received)
    assert not any(sid in packet for packet in received for sid in (*calls, simulator.project))


def _packets(server):
    """Read what has arrived; loopback delivers before the sender goes on."""
    server.setblocking(False)
    packets = []
    while True:
        try:
            packets.append(server.recv(65536).decode())
        except BlockingIOError:
            return packets
