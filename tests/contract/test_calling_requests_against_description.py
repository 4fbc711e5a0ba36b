"""Every command that the client builds for the Calling API, as it is sent, against the description."""

from __future__ import annotations

import json
from typing import Any

import pytest
from api_description import SIGNALWIRE, operation, operations, problems

from airflow_provider_signalwire.client.protocol import calling
from airflow_provider_signalwire.client.protocol.stream_endpoints import STREAM_TRACKS

PATH = "/api/calling/calls"
STREAM = ("b08dacad-0000-4000-8000-000000000002", "dag.task.0.manual__2026-01-02T03:04:05.678901+00:00")
URL = "wss://media.example.com/audio"
OPTIONS: dict[str, Any] = {
    "name": "agent",
    "codec": "PCMU",
    "status_url": "https://example.com/streams",
    "status_url_method": "POST",
    "custom_parameters": {"language": "en", "depth": [1, {"a": None}]},
    "authorization_bearer_token": "token",
}
REQUESTS = [
    calling.start_calling_stream(*STREAM, url=URL),
    *(calling.start_calling_stream(*STREAM, url=URL, track=track, **OPTIONS) for track in sorted(STREAM_TRACKS)),
    calling.stop_calling_stream(*STREAM),
]


@pytest.fixture
def schema():
    return operation(SIGNALWIRE, "POST", PATH)["requestBody"]["content"]["application/json"]["schema"]


@pytest.mark.parametrize("request_sent", REQUESTS, ids=lambda request: request.operation)
def test_request_is_described(schema, request_sent):
    assert (request_sent.method, request_sent.target) in operations(SIGNALWIRE)
    assert request_sent.content_type == "application/json"
    assert not problems(SIGNALWIRE, schema, json.loads(request_sent.body))


def test_every_described_field_can_be_sent():
    described = SIGNALWIRE["components"]["schemas"]["StreamCommand"]["properties"]["params"]["properties"]
    assert {name for request in REQUESTS for name in request.json["params"]} == set(described)


@pytest.mark.parametrize("changed", [{"url": "x y"}, {"odd": 1}, {"track": "all"}, {"control_id": None}])
def test_check_detects_a_command_that_is_not_described(schema, changed):
    body = json.loads(REQUESTS[0].body)
    assert problems(SIGNALWIRE, schema, body | {"params": body["params"] | changed})
