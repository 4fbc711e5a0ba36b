"""The fixtures that the package gives to its users' tests."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]
# Loading these plugins takes longer than the tests.
OPTIONS = ("-p", "no:schemathesis", "-p", "no:asyncio")


def test_fixtures_need_no_setup_and_are_reset_for_each_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import json
        import os

        def test_first(signalwire_simulator, signalwire_connection):
            signalwire_simulator.reset(stop_delay_ms=5000)
            signalwire_simulator.seed()
            signalwire_simulator.set_faults([{"kind": "reset"}])
            assert signalwire_connection == "signalwire_default"
            assert json.loads(os.environ["AIRFLOW_CONN_SIGNALWIRE_DEFAULT"]) == {
                "conn_type": "signalwire",
                "host": signalwire_simulator.url,
                "login": signalwire_simulator.project,
                "password": signalwire_simulator.token,
            }

        def test_second(signalwire_simulator):
            assert signalwire_simulator.state.snapshot()["calls"] == []
            assert signalwire_simulator.faults() == []
            assert signalwire_simulator.state.settings.stop_delay_ms == 0
            assert "AIRFLOW_CONN_SIGNALWIRE_DEFAULT" not in os.environ
        """
    )

    pytester.runpytest_inprocess(*OPTIONS).assert_outcomes(passed=2)


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

    pytester.runpytest_subprocess(*OPTIONS).assert_outcomes(passed=1)


def test_error_says_what_to_install_without_the_extra(pytester: pytest.Pytester) -> None:
    # The plugin itself is imported without the extra, as test_unused_plugin_imports_nothing shows.
    pytester.makeconftest("import sys; sys.modules['airflow_provider_signalwire.simulator.server'] = None")
    pytester.makepyfile(
        """
        def test_that_asks(signalwire_simulator): ...
        def test_that_does_not(): ...
        """
    )

    result = pytester.runpytest_inprocess(*OPTIONS)

    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*pip install 'airflow-provider-signalwire[[]simulator[]]'"])
