"""Requests that schemathesis makes up from an OpenAPI document, right and wrong ones, sent to a simulator."""

from __future__ import annotations

from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, checks
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi import checks as openapi_checks
from simulated_api import NEW_CALL, NEW_STREAM, SimulatedApi

REPRODUCIBLE = settings(
    max_examples=8, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)
CHECKS = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
]
# A description allows any URL, or none; the simulator requires these.
URLS = {"Calls": NEW_CALL["Url"], "Streams": NEW_STREAM["Url"]}
COMMAND_URLS = {"url": NEW_STREAM["Url"], "status_url": NEW_CALL["Url"]}


def aim(case: Case, api: SimulatedApi) -> None:
    """Replace made-up SIDs, which exist nowhere, and URLs, which are rarely acceptable."""
    case.path_parameters = api.sids(case.path, status="completed" if case.method == "DELETE" else "in-progress")
    last = case.path.split("/")[-1]
    if isinstance(case.body, dict) and last in URLS:
        case.body["Url"] = URLS[last]
    if isinstance(case.body, dict) and "command" in case.body:
        case.body["id"] = api.command()["id"]
        params = case.body.get("params")
        if isinstance(params, dict):
            params.update({name: url for name, url in COMMAND_URLS.items() if name in params})


def send_made_up_requests(
    api: SimulatedApi, base_url: str, operation: APIOperation, mode: GenerationMode
) -> Counter[int]:
    """Send made-up requests to one operation, check that every response is described, and return their statuses."""
    statuses: Counter[int] = Counter()

    @REPRODUCIBLE
    @given(case=operation.as_strategy(generation_mode=mode), is_aimed=st.sampled_from([True, True, True, False]))
    def send(case: Case, is_aimed: bool) -> None:
        api.server.reset()
        if is_aimed:
            aim(case, api)
        response = case.call(base_url=base_url, session=api.session, timeout=10)
        statuses[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)

    send()
    return statuses
