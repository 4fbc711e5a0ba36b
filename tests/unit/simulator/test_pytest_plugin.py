from __future__ import annotations

import pytest

from airflow_provider_signalwire.hooks.signalwire import SignalWireHook
from airflow_provider_signalwire.simulator.pytest_plugin import (  # noqa: F401  # fixtures
    _signalwire_simulator_server,
    signalwire_connection,
    signalwire_simulator,
)
from airflow_provider_signalwire.simulator.server import SimulatorServer

pytest_plugins = ["pytester"]


def test_fixtures_give_a_simulator_and_a_connection_to_it(
    signalwire_simulator: SimulatorServer,  # noqa: F811
    signalwire_connection: str,  # noqa: F811
) -> None:
    (call,) = signalwire_simulator.seed(streams=[{"name": "bot"}])

    SignalWireHook(signalwire_connection).stop_call_stream(call["sid"], "bot")

    assert signalwire_simulator.state.snapshot()["counts"]["running_streams"] == 0


def test_fixtures_need_no_setup_and_are_reset_for_each_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import os

        def test_first(signalwire_simulator, signalwire_connection):
            signalwire_simulator.reset(stop_delay_ms=5000)
            signalwire_simulator.seed()
            signalwire_simulator.set_faults([{"match": {}, "times": 1, "kind": "reset"}])
            assert signalwire_connection == "signalwire_default"
            assert signalwire_simulator.url in os.environ["AIRFLOW_CONN_SIGNALWIRE_DEFAULT"]

        def test_second(signalwire_simulator):
            assert signalwire_simulator.state.snapshot()["calls"] == []
            assert signalwire_simulator.faults() == []
            assert signalwire_simulator.state.settings.stop_delay_ms == 0
            assert "AIRFLOW_CONN_SIGNALWIRE_DEFAULT" not in os.environ
        """
    )

    pytester.runpytest_subprocess().assert_outcomes(passed=2)


def test_unused_plugin_imports_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_modules(pytestconfig):
            assert pytestconfig.pluginmanager.has_plugin("signalwire")
            heavy = {"airflow", "aiohttp", "requests", "pydantic", "uvicorn"}
            ours = {name for name in sys.modules if name.startswith("airflow_provider_signalwire")}
            assert heavy.isdisjoint(sys.modules)
            assert ours == {
                "airflow_provider_signalwire",
                "airflow_provider_signalwire.simulator",
                "airflow_provider_signalwire.simulator.pytest_plugin",
            }
        """
    )

    pytester.runpytest_subprocess("-p", "no:schemathesis").assert_outcomes(passed=1)


def test_error_says_what_to_install_without_the_extra(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("import sys; sys.modules['uvicorn'] = None")
    pytester.makepyfile(
        """
        def test_that_asks(signalwire_simulator): ...
        def test_that_does_not(): ...
        """
    )

    result = pytester.runpytest_subprocess()

    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*pip install 'airflow-provider-signalwire[[]simulator[]]'"])
