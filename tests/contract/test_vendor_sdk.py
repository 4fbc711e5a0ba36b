"""The vendor's SDK drives the simulator: 3.0.0 the Compatibility API, 3.7.5 (without it) the Calling API.

Their dependencies conflict with each other, so uv runs each in an environment of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

UV = Path(sys.executable).with_name("uv")
CONNECT = """
import json, sys
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


@pytest.fixture
def run_sdk(api):
    def run(version, script, sid):
        environment = ["--no-project", "--python", sys.executable, "--with", f"signalwire-sdk=={version}"]
        arguments = (api.server.url, api.server.project, api.server.token, sid)
        process = subprocess.run(
            [UV, "run", *environment, "python", "-c", CONNECT + script, *arguments],
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert process.returncode == 0, process.stderr
        return json.loads(process.stdout)

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
