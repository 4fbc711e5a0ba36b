"""SignalWireRetryPolicy: when the next try begins."""

from __future__ import annotations

import importlib
import sys
from datetime import datetime, timedelta

import pytest
from airflow.providers.common.compat.sdk import DAG
from airflow.serialization import serialized_objects

from airflow_provider_signalwire.exceptions import (
    SignalWireConfigurationError,
    SignalWireConnectionError,
    SignalWireError,
    SignalWireRateLimitError,
    SignalWireResponseError,
    SignalWireServerError,
    SignalWireTimeoutError,
)
from airflow_provider_signalwire.operators.call_stream import StopCallStreamOperator


def transient(error):
    error.is_transient = True
    return error


def rate_limit(retry_after=None):
    return transient(SignalWireRateLimitError("Too many.", http_status=429, retry_after=retry_after))


MODULE = "airflow_provider_signalwire.retry_policy"
OUTAGES = [
    transient(SignalWireConnectionError("Lost.", kind="lost")),
    transient(SignalWireServerError("Away.", http_status=503)),
    transient(SignalWireResponseError("Broken.", http_status=200)),
    rate_limit(),
]
OTHERS = [
    ValueError("mine"),
    KeyboardInterrupt(),
    SignalWireError("Permanent."),
    SignalWireTimeoutError("The wait is over."),
    SignalWireServerError("Not implemented.", http_status=501),
]


def test_importing_it_on_an_older_airflow_says_which_version_is_needed(monkeypatch):
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    monkeypatch.setitem(sys.modules, "airflow.sdk.definitions.retry_policy", None)
    with pytest.raises(ImportError, match=r"SignalWireRetryPolicy needs Airflow 3\.3 or newer"):
        importlib.import_module(MODULE)


class TestPolicy:
    @pytest.fixture
    def policy_class(self):
        reason = "Airflow before 3.3 has no retry policies"
        return pytest.importorskip(MODULE, reason=reason, exc_type=ImportError).SignalWireRetryPolicy

    @pytest.fixture
    def decide(self, policy_class):
        def decide(error, try_number=1, **arguments):
            return policy_class(**arguments).evaluate(error, try_number, 3)

        return decide

    @pytest.mark.parametrize(("asked", "seconds"), [(0.0, 0), (1.5, 1.5), (7200.0, 7200), (1e9, 86400)])
    def test_after_a_rate_limit_it_waits_as_long_as_asked(self, decide, asked, seconds):
        decision = decide(rate_limit(asked), max_backoff=60)
        assert (decision.action.value, decision.retry_delay) == ("retry", timedelta(seconds=seconds))
        assert decision.reason

    @pytest.mark.parametrize("error", OUTAGES, ids=lambda error: type(error).__name__)
    def test_after_an_outage_it_backs_off(self, decide, error):
        for try_number, longest in [(1, 10), (2, 20), (3, 40), (4, 60), (1000, 60)]:
            waits = {decide(error, try_number, backoff=10, max_backoff=timedelta(minutes=1)) for _ in range(20)}
            assert {wait.action.value for wait in waits} == {"retry"}
            seconds = [wait.retry_delay.total_seconds() for wait in waits]
            assert len(seconds) > 1
            assert longest / 2 <= min(seconds) <= max(seconds) <= longest

    @pytest.mark.parametrize("error", OTHERS, ids=lambda error: f"{type(error).__name__}")
    def test_other_errors_are_left_to_the_task(self, decide, error):
        assert decide(error).action.value == "default"

    @pytest.mark.parametrize("arguments", [{"backoff": 0}, {"max_backoff": 0}, {"backoff": "30"}], ids=repr)
    def test_invalid_duration_is_refused(self, policy_class, arguments):
        [name] = arguments
        with pytest.raises(SignalWireConfigurationError, match=f"'{name}'"):
            policy_class(**arguments)

    def test_it_can_be_one_of_a_chain(self, policy_class):
        sdk = pytest.importorskip("airflow.providers.common.compat.sdk")
        if not hasattr(sdk, "ChainRetryPolicy"):
            pytest.skip("this common-compat has no ChainRetryPolicy")
        rules = [sdk.RetryRule(exception=ValueError, retry_delay=timedelta(seconds=3))]
        chain = sdk.ChainRetryPolicy([policy_class(), sdk.ExceptionRetryPolicy(rules=rules)])
        assert chain.evaluate(rate_limit(7.0), 1, 3).retry_delay == timedelta(seconds=7)
        assert chain.evaluate(ValueError(), 1, 3).retry_delay == timedelta(seconds=3)

    def test_dag_with_it_can_be_serialized(self, policy_class):
        with DAG("calls", schedule=None, start_date=datetime(2026, 1, 1)) as dag:
            arguments = {"retry_policy": policy_class(), "retries": 2, "stream_sid": "stream"}
            StopCallStreamOperator(task_id="stop", call_sid="call", **arguments)
            StopCallStreamOperator.partial(task_id="mapped", **arguments).expand(call_sid=["a"])
        serialized_objects.DagSerialization.to_dict(dag)
