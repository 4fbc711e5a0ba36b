"""The vendor's SDK drives the simulator: 3.0.0 the Compatibility API, 3.7.5 (without it) the Calling API.

Their dependencies conflict with each other, so each has an environment of its own, which is kept between test runs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ENVIRONMENTS = Path(__file__).parents[2] / ".build" / "vendor-sdk"
# The SDK's packages import its framework for agents, which takes longer than the test; their modules do not need it.
CONNECT = """
import importlib.util, json, sys, types
for name in ("signalwire", "signalwire.core"):
    package = types.ModuleType(name)
    package.__path__ = importlib.util.find_spec(name).submodule_search_locations
    sys.modules[name] = package
from signalwire.rest import RestClient
url, project, token, sid = sys.argv[1:]
client = RestClient(project=project, token=token, host="127.0.0.1")
client._http._base_url = url
"""
COMPATIBILITY = """
started = client.compat.calls.start_stream(sid, Url="wss://media.example.com/stream", Name="agent")
stopped = client.compat.calls.stop_stream(sid, started["sid"], Status="stopped")
print(json.dumps([started, stopped]))
"""
CALLING = """
started = client.calling.stream(sid, control_id="agent", url="wss://media.example.com/stream")
stopped = client.calling.stream_stop(sid, control_id="agent")
print(json.dumps([started, stopped]))
"""


def python_with_sdk(version):
    """Return the interpreter of an environment with this version of the SDK."""
    environment = ENVIRONMENTS / version
    python = environment / "bin" / "python"
    installed = environment / "installed"
    if not installed.exists():
        uv = Path(sys.executable).with_name("uv")
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, environment], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", python, f"signalwire-sdk=={version}"], check=True)
        installed.touch()
    return python


@pytest.fixture
def run_sdk(api):
    def run(version, script, sid):
        arguments = (api.server.url, api.server.project, api.server.token, sid)
        command = [python_with_sdk(version), "-c", CONNECT + script, *arguments]
        return json.loads(subprocess.check_output(command, text=True, timeout=60))

    return run


def test_sdk_with_compatibility_api_starts_and_stops_a_stream(api, run_sdk):
    [call] = api.server.seed()
    started, stopped = run_sdk("3.0.0", COMPATIBILITY, call["sid"])
    [stream] = api.server.state.snapshot()["streams"]
    assert started["sid"] == stopped["sid"] == stream["sid"]
    assert (stream["call_sid"], stream["name"], stream["status"]) == (call["sid"], "agent", "queued")


def test_newest_sdk_starts_and_stops_a_native_stream(api, run_sdk):
    [call] = api.server.seed_native_calls()
    started, stopped = run_sdk("3.7.5", CALLING, call["sid"])
    [stream] = api.server.state.snapshot()["streams"]
    assert started["id"] == stopped["id"] == stream["call_id"] == call["sid"]
    assert (stream["sid"], stream["status"]) == ("agent", "queued")
