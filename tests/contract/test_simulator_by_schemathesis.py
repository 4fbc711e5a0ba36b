"""Made-up requests to the simulator: it must not fail, and must respond as SignalWire is described to."""

from __future__ import annotations

import pytest
import schemathesis
from api_description import SIGNALWIRE, operations
from made_up_requests import CHECKS, aim, send_made_up_requests
from schemathesis.core.failures import FailureGroup

DESCRIPTION = schemathesis.openapi.from_dict(SIGNALWIRE)


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("method", "path"), operations(SIGNALWIRE), ids=lambda part: part)
def test_made_up_request_gets_a_described_response(api, method, path, mode):
    statuses = send_made_up_requests(api, api.base_url(path), DESCRIPTION[path][method], mode)
    # If every valid request was refused, little was checked.
    assert mode is schemathesis.GenerationMode.NEGATIVE or min(statuses) < 300, statuses


@pytest.mark.parametrize(
    "fault", [{"kind": "patch", "set": {"odd": 1}}, {"kind": "status", "status": 409}, {"kind": "html"}], ids=str
)
def test_checks_detect_a_response_that_is_not_described(api, fault):
    case = DESCRIPTION["/Accounts/{AccountSid}/Calls/{Sid}"]["GET"].Case()
    aim(case, api)
    api.server.set_faults([{**fault, "match": {"method": "GET"}}])
    response = case.call(base_url=api.base_url(case.path), session=api.session, timeout=10)
    with pytest.raises(FailureGroup):
        case.validate_response(response, checks=CHECKS)
