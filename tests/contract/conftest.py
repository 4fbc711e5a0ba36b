"""A simulator for the contract tests, and which of them can run."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from simulated_api import SimulatedApi

from airflow_provider_signalwire.simulator.server import SimulatorServer

collect_ignore = []
# The vendor's description is not part of this project: SIGNALWIRE_API_DESCRIPTION names a copy of it.
if not os.environ.get("SIGNALWIRE_API_DESCRIPTION"):
    collect_ignore.append("test_description_against_vendor.py")


@pytest.fixture
def api(simulator: SimulatorServer) -> Iterator[SimulatedApi]:
    """A simulator in which a stop takes an hour, so that every state can be seen."""
    simulator.reset(stop_delay_ms=3_600_000)
    api = SimulatedApi(simulator)
    with api.session:
        yield api
