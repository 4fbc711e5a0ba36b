"""Requests that schemathesis makes up from the vendor's description, right and wrong ones, sent to the simulator.

Whatever comes, the simulator must not fail, and what it answers must be described. Left out of the description are the
endpoints that the simulator does not serve: conferences, and listing or changing projects. Like its neighbours, this
needs the description that ``SIGNALWIRE_API_DESCRIPTION`` names.
"""

from __future__ import annotations

import os
import pathlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import checks
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks as openapi_checks

from airflow_provider_signalwire.simulator.server import SimulatorServer

VARIABLE = "SIGNALWIRE_API_DESCRIPTION"
API_ROOT = "/api/laml/2010-04-01"

SERVED = [
    ("GET", "/Accounts/{Sid}"),
    ("GET", "/Accounts/{AccountSid}/Calls"),
    ("POST", "/Accounts/{AccountSid}/Calls"),
    ("GET", "/Accounts/{AccountSid}/Calls/{Sid}"),
    ("POST", "/Accounts/{AccountSid}/Calls/{Sid}"),
    ("DELETE", "/Accounts/{AccountSid}/Calls/{Sid}"),
    ("POST", "/Accounts/{AccountSid}/Calls/{CallSid}/Streams"),
    ("POST", "/Accounts/{AccountSid}/Calls/{CallSid}/Streams/{Sid}"),
    ("POST", "/Accounts/{AccountSid}/Calls/{CallSid}/Recordings"),
    ("POST", "/Accounts/{AccountSid}/Calls/{CallSid}/Recordings/{Sid}"),
]

STEADY = settings(
    max_examples=7, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)
# The description lets any text pass, or none; the simulator asks for such a URL.
URLS = {"Calls": "https://example.com/voice.xml", "Streams": "wss://media.example.com/stream"}

CHECKS = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
]


@pytest.fixture(scope="module")
def description() -> Any:
    path = os.environ.get(VARIABLE)
    if not path:
        pytest.skip(f"needs the vendor's API description: set {VARIABLE} to the path of compatibility-api.yaml")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return schemathesis.openapi.from_dict(yaml.load(pathlib.Path(path).read_text(encoding="utf-8"), loader))


class World:
    """A simulator with a call, a stream and a recording that requests may hit."""

    def __init__(self, server: SimulatorServer) -> None:
        self.server = server
        self.session = requests.Session()
        self.session.auth = (server.project, server.token)
        self.base_url = server.url + API_ROOT

    def renew(self) -> dict[str, str]:
        """Begin anew, and return the SIDs there are."""
        self.server.reset()
        [call] = self.server.seed(streams=[{"name": "agent assist"}])
        [ended] = self.server.seed(status="completed")
        recordings = f"{self.base_url}/Accounts/{self.server.project}/Calls/{call['sid']}/Recordings"
        return {
            "account": self.server.project,
            "call": call["sid"],
            "ended call": ended["sid"],
            "stream": call["streams"][0]["sid"],
            "recording": self.session.post(recordings, timeout=10).json()["sid"],
        }


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with SimulatorServer(answer_delay_ms=0, stop_delay_ms=0) as server:
        world = World(server)
        with world.session:
            yield world


def aim(case: schemathesis.Case, sids: dict[str, str], target: str) -> None:
    """Lead a request to what there is; what is made up, SIDs and URLs, rarely leads anywhere."""
    if target == "nothing":
        return
    wanted = {"AccountSid": sids["account"]}
    if target == "everything":
        calls = "ended call" if case.method == "DELETE" else "call"
        kind = {"Calls": calls, "Streams": "stream", "Recordings": "recording"}
        wanted |= {"CallSid": sids["call"], "Sid": sids[kind.get(case.path.split("/")[-2], "account")]}
        if isinstance(case.body, dict) and case.path.split("/")[-1] in URLS:
            case.body["Url"] = URLS[case.path.split("/")[-1]]
    case.path_parameters = {name: wanted.get(name, sid) for name, sid in case.path_parameters.items()}


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("method", "path"), SERVED, ids=lambda part: part)
def test_any_request_gets_an_answer_as_described(description, world, method, path, mode):
    operation = description[path][method]
    answered: Counter[int] = Counter()

    @STEADY
    @given(
        case=operation.as_strategy(generation_mode=mode),
        target=st.sampled_from(["everything", "everything", "everything", "account", "nothing"]),
    )
    def send(case: schemathesis.Case, target: str) -> None:
        aim(case, world.renew(), target)
        response = case.call(base_url=world.base_url, session=world.session, timeout=10)
        answered[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)

    send()
    # If all requests were refused, little would have been looked at.
    assert mode is schemathesis.GenerationMode.NEGATIVE or answered[200] + answered[204] > 0, answered


def test_the_checks_find_what_is_not_described(description, world):
    """A key too many and a status that is not documented must be noticed, or the test above proves nothing."""
    case = description["/Accounts/{AccountSid}/Calls/{Sid}"]["GET"].Case(path_parameters={"AccountSid": "", "Sid": ""})
    for fault in ({"kind": "patch", "set": {"odd": 1}}, {"kind": "status", "status": 409}, {"kind": "html"}):
        aim(case, world.renew(), "everything")
        world.server.set_faults([{**fault, "match": {"method": "GET"}}])
        response = case.call(base_url=world.base_url, session=world.session, timeout=10)
        with pytest.raises(FailureGroup):
            case.validate_response(response, checks=CHECKS)
