"""Made-up requests to every operation that the simulator's own OpenAPI document describes, control API included."""

from __future__ import annotations

import pytest
import requests
import schemathesis
from made_up_requests import send_made_up_requests


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
def test_simulator_obeys_its_own_description(api, mode):
    response = requests.get(f"{api.server.url}/_simulator/openapi.json", timeout=10)
    assert response.ok
    description = schemathesis.openapi.from_dict(response.json())
    found = [operation.ok() for operation in description.get_all_operations()]
    assert found
    for operation in found:
        takes_input = any(operation.iter_parameters()) or operation.body
        if mode is schemathesis.GenerationMode.NEGATIVE and not takes_input:
            continue  # there is nothing to get wrong
        send_made_up_requests(api, api.server.url, operation, mode)
