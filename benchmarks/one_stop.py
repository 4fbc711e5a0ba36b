"""One stop after the other through the hook, beside bare requests and the SDK."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import requests

from benchmarks.results import Bar, Figure, Row
from benchmarks.sdk import sdk_client
from benchmarks.simulators import PROJECT, TOKEN, Simulator, running_simulator

ROUNDS = 30
STOPS_PER_BLOCK = 100

Stop = Callable[[], object]


def measure() -> Figure:
    """Let the three take turns, a block of stops each, and compare them round by round."""
    with running_simulator() as simulator:
        (stream,) = simulator.seed(1)
        stops = {
            "hook": _by_hook(stream),
            "requests": _by_requests(simulator, stream),
            "SDK": _by_sdk(simulator, stream),
        }
        for stop in stops.values():
            _rate(stop)
        rounds = [{name: _rate(stop) for name, stop in _turned(stops, turn)} for turn in range(ROUNDS)]
    rates = {name: median(one[name] for one in rounds) for name in stops}
    beside = {name: median(one["hook"] / one[name] for one in rounds) for name in stops}
    return Figure(
        rows=[
            Row(
                what="one stop after the other through the hook, no latency",
                ours=f"{rates['hook']:,.0f} a second",
                peer=f"{name}: {rates[peer]:,.0f} a second",
                ratio=f"{beside[peer]:.2f} times",
                target=target,
                met=beside[peer] >= least,
            )
            for peer, name, target, least in (
                ("requests", "bare requests.Session.post", "at least 0.95 times", 0.95),
                ("SDK", "signalwire-sdk", "above 1", 1.0),
            )
        ],
        chart_title="Stops per second, one after the other, no latency",
        bars=[
            Bar(
                label="SignalWireHook.stop_call_stream",
                value=rates["hook"],
                text=f"{rates['hook']:,.0f}/s",
                is_ours=True,
            ),
            Bar(label="bare requests.Session.post", value=rates["requests"], text=f"{rates['requests']:,.0f}/s"),
            Bar(label="signalwire-sdk", value=rates["SDK"], text=f"{rates['SDK']:,.0f}/s"),
        ],
        notes=[
            f"{ROUNDS} rounds; in each, all three make {STOPS_PER_BLOCK} stops, taking turns in going first. Rates and "
            "ratios are medians of the rounds. Bare requests is a Session with `auth` set, `post(url, data, timeout)` "
            "and `json()`."
        ],
    )


def _turned(stops: dict[str, Stop], turn: int) -> list[tuple[str, Stop]]:
    items = list(stops.items())
    first = turn % len(items)
    return items[first:] + items[:first]


def _rate(stop: Stop) -> float:
    started = time.perf_counter()
    for _ in range(STOPS_PER_BLOCK):
        stop()
    return STOPS_PER_BLOCK / (time.perf_counter() - started)


def _by_hook(stream: dict[str, str]) -> Stop:
    from airflow_provider_signalwire.hooks.signalwire import SignalWireHook

    hook = SignalWireHook()
    return lambda: hook.stop_call_stream(stream["call_sid"], stream["stream_sid"])


def _by_requests(simulator: Simulator, stream: dict[str, str]) -> Stop:
    session = requests.Session()
    session.auth = (PROJECT, TOKEN)
    calls = f"{simulator.url}/api/laml/2010-04-01/Accounts/{PROJECT}/Calls"
    url = f"{calls}/{stream['call_sid']}/Streams/{stream['stream_sid']}"
    return lambda: session.post(url, data={"Status": "stopped"}, timeout=30).json()


def _by_sdk(simulator: Simulator, stream: dict[str, str]) -> Stop:
    client = sdk_client(simulator)
    return lambda: client.compat.calls.stop_stream(stream["call_sid"], stream["stream_sid"], Status="stopped")
