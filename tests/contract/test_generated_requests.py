"""Requests that schemathesis generates, valid and invalid ones: every response of the simulator is as described."""

from __future__ import annotations

import re
from collections import Counter

import pytest
import schemathesis
from api_description import SIGNALWIRE, full_path, operations
from hypothesis import given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, checks
from schemathesis.core.failures import FailureGroup
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi import checks as openapi_checks
from simulated_api import NEW_CALL, NEW_STREAM, SimulatedApi

DESCRIPTION = schemathesis.openapi.from_dict(SIGNALWIRE)
CHECKS = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
]
# A description allows any URL, or none; the simulator requires these.
URLS = {"Calls": NEW_CALL["Url"], "Streams": NEW_STREAM["Url"]}
COMMAND_URLS = {"url": NEW_STREAM["Url"], "status_url": NEW_CALL["Url"]}

each_mode = pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)


def use_valid_values(case: Case, api: SimulatedApi) -> None:
    """Replace generated SIDs, which exist nowhere, and URLs, which are rarely acceptable."""
    case.path_parameters = api.sids(case.path, status="completed" if case.method == "DELETE" else "in-progress")
    last = case.path.split("/")[-1]
    if isinstance(case.body, dict) and last in URLS:
        case.body["Url"] = URLS[last]
    if isinstance(case.body, dict) and "command" in case.body:
        case.body["id"] = api.command()["id"]
        params = case.body.get("params")
        if isinstance(params, dict):
            params.update({name: url for name, url in COMMAND_URLS.items() if name in params})


@pytest.fixture(scope="module")
def own_operations(shared_simulator) -> dict[tuple[str, str], APIOperation]:
    """The operations of the simulator's own OpenAPI document, by method and path without the parameters' names."""
    document = schemathesis.openapi.from_url(f"{shared_simulator.url}/_simulator/openapi.json")
    found = [result.ok() for result in document.get_all_operations()]
    return {(operation.method.upper(), without_names(operation.path)): operation for operation in found}


def without_names(path: str) -> str:
    return re.sub(r"{\w+}", "{}", path)


def send_generated_requests(
    api: SimulatedApi, base_url: str, mode: GenerationMode, operation: APIOperation, *others: APIOperation
) -> Counter[int]:
    """Send requests to one operation, check that every response is described, and return their statuses.

    :param others: The same operation in other documents, which have to describe the responses, too.
    """
    statuses: Counter[int] = Counter()

    @settings(max_examples=8)
    @given(
        case=operation.as_strategy(generation_mode=mode), has_valid_values=st.sampled_from([True, True, True, False])
    )
    def send(case: Case, has_valid_values: bool) -> None:
        api.server.reset()
        if has_valid_values:
            use_valid_values(case, api)
        response = case.call(base_url=base_url, session=api.session, timeout=10)
        statuses[response.status_code] += 1
        for described in (case, *(other.Case() for other in others)):
            described.validate_response(response, checks=CHECKS)

    send()
    return statuses


@each_mode
@pytest.mark.parametrize(("method", "path"), operations(SIGNALWIRE), ids=lambda part: part)
def test_response_is_as_signalwire_and_the_simulator_describe_it(api, own_operations, method, path, mode):
    own_operation = own_operations[method, without_names(full_path(path))]
    statuses = send_generated_requests(api, api.base_url(path), mode, DESCRIPTION[path][method], own_operation)
    # If every valid request was refused, little was checked.
    assert mode is GenerationMode.NEGATIVE or min(statuses) < 300, statuses


@each_mode
def test_response_of_a_control_endpoint_is_as_the_simulator_describes_it(api, own_operations, mode):
    control = [operation for (_, path), operation in own_operations.items() if path.startswith("/_simulator/")]
    assert len(control) + len(operations(SIGNALWIRE)) == len(own_operations)
    for operation in control:
        takes_input = any(operation.iter_parameters()) or operation.body
        if mode is GenerationMode.POSITIVE or takes_input:  # without input, nothing can be invalid
            send_generated_requests(api, api.server.url, mode, operation)


@pytest.mark.parametrize(
    "fault", [{"kind": "patch", "set": {"odd": 1}}, {"kind": "status", "status": 409}, {"kind": "html"}], ids=str
)
def test_checks_detect_a_response_that_is_not_described(api, fault):
    case = DESCRIPTION["/Accounts/{AccountSid}/Calls/{Sid}"]["GET"].Case()
    use_valid_values(case, api)
    api.server.set_faults([{**fault, "match": {"method": "GET"}}])
    response = case.call(base_url=api.base_url(case.path), session=api.session, timeout=10)
    with pytest.raises(FailureGroup):
        case.validate_response(response, checks=CHECKS)
