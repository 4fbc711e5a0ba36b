"""pytest fixtures for the tests of your own DAGs: a simulated SignalWire, and an Airflow connection to it.

pytest finds them if ``airflow-provider-signalwire[simulator]`` is installed. A test requests them by name and gets an
empty simulator, in which calls are answered and streams are stopped at once::

    def test_my_dag(signalwire_simulator, signalwire_connection):
        (call,) = signalwire_simulator.seed(streams=[{"name": "bot"}])

        my_dag.test(run_conf={"call_sid": call["sid"], "stream_sid": "bot"})

        assert signalwire_simulator.state.snapshot()["counts"]["running_streams"] == 0

Until a test asks for a fixture, nothing is imported and nothing runs.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_signalwire.simulator.server import SimulatorServer


@pytest.fixture(scope="session")
def _signalwire_simulator_server() -> Iterator[SimulatorServer]:
    try:
        from airflow_provider_signalwire.simulator.server import SimulatorServer
    except ImportError as error:
        pytest.fail(
            f"The simulator cannot be imported ({error}): pip install 'airflow-provider-signalwire[simulator]'",
            pytrace=False,
        )
    with SimulatorServer(answer_delay_ms=0, stop_delay_ms=0) as server:
        yield server


@pytest.fixture
def signalwire_simulator(_signalwire_simulator_server: SimulatorServer) -> SimulatorServer:
    """Provide an empty simulator; all tests share its server."""
    _signalwire_simulator_server.reset()
    return _signalwire_simulator_server


@pytest.fixture
def signalwire_connection(signalwire_simulator: SimulatorServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """Provide, for the test, an Airflow connection to the simulator; its id is ``signalwire_default``."""
    connection = {
        "conn_type": "signalwire",
        "host": signalwire_simulator.url,
        "login": signalwire_simulator.project,
        "password": signalwire_simulator.token,
    }
    monkeypatch.setenv("AIRFLOW_CONN_SIGNALWIRE_DEFAULT", json.dumps(connection))
    return "signalwire_default"
