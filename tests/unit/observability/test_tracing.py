"""Spans of operations and HTTP attempts, exported to memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from scripted import SETTINGS

from airflow_provider_signalwire.client.policy.retry import RetryPolicy
from airflow_provider_signalwire.client.policy.steps import send
from airflow_provider_signalwire.client.policy.tracing import batch_span
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.exceptions import SignalWireConnectionError, SignalWireNotFoundError
from airflow_provider_signalwire.hooks.signalwire import SignalWireHook
from airflow_provider_signalwire.operators.stream_cleanup import StopCallStreamsOperator
from airflow_provider_signalwire.simulator.server import SimulatorServer

pytestmark = pytest.mark.usefixtures("connection")

NUMBER = "+15551234567"


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    # set_tracer_provider works once per process.
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    yield exporter
    provider.shutdown()


def by_name(exporter: InMemorySpanExporter) -> dict[str, list[ReadableSpan]]:
    spans: dict[str, list[ReadableSpan]] = {}
    for span in exporter.get_finished_spans():
        spans.setdefault(span.name, []).append(span)
    return spans


def test_each_attempt_is_a_span_of_its_operation(
    simulator: SimulatorServer, stream: dict[str, str], exporter: InMemorySpanExporter
) -> None:
    simulator.set_faults([{"kind": "status", "status": 503, "times": 1}])
    SignalWireHook().stop_call_stream(**stream)
    spans = by_name(exporter)
    [operation] = [span for name, [span, *_] in spans.items() if name.startswith("signalwire.")]
    failed, good = spans["POST stop_call_stream"]
    common = {
        "http.request.method": "POST",
        "signalwire.operation": "stop_call_stream",
        **{f"signalwire.{name}": sid for name, sid in stream.items()},
    }
    first = {"http.request.resend_count": 0, "http.response.status_code": 503, "error.type": "server_error"}
    assert failed.attributes == common | first
    assert good.attributes == common | {"http.request.resend_count": 1, "http.response.status_code": 200}
    assert {span.parent.span_id for span in (failed, good)} == {operation.context.span_id}
    assert (failed.status.is_ok, good.status.is_ok, operation.status.is_ok) == (False, True, True)
    assert {span.instrumentation_scope.name for span in (operation, failed)} == {"airflow_provider_signalwire"}


def test_batch_is_one_trace(
    simulator: SimulatorServer, exporter: InMemorySpanExporter, context: dict[str, Any]
) -> None:
    calls = simulator.seed(count=3, streams=[{"name": "audio"}])
    rows = [{"call_sid": call["sid"], "stream_sid": "audio"} for call in calls]
    StopCallStreamsOperator(task_id="stop", streams=rows).execute(context)
    spans = by_name(exporter)
    [batch] = spans["signalwire.batch"]
    operations = spans["signalwire.stop_stream"]
    assert {span.parent.span_id for span in operations} == {batch.context.span_id}
    assert len(spans["POST stop_call_stream"]) == len(operations) == 3


def test_interrupted_attempt_is_ended(exporter: InMemorySpanExporter) -> None:
    attempts = RetryPolicy(SETTINGS).drive(send(endpoints.get_call("project", "call")))
    next(attempts)
    attempts.close()
    spans = by_name(exporter)
    assert spans["GET get_call"][0].attributes["error.type"] == "GeneratorExit"
    assert len(spans) == 2


def test_failure_is_named_without_its_message(exporter: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match=r"\+1555"), batch_span().as_current():
        raise ValueError(NUMBER)
    [span] = exporter.get_finished_spans()
    assert span.attributes == {"error.type": "ValueError"}
    assert (span.status.is_ok, span.status.description, span.events) == (False, None, ())


def test_spans_hold_no_secret_and_no_telephone_number(
    simulator: SimulatorServer, exporter: InMemorySpanExporter, make_connection: Any
) -> None:
    [call] = simulator.seed()
    call_sid = call["sid"]
    hook = SignalWireHook()
    hook.create_call(to=NUMBER, from_=NUMBER, url="https://user:secret-in-url@example.com/?key=secret-in-query")
    hook.start_call_stream(call_sid, url="wss://user:secret-in-url@example.com/", name=NUMBER)
    with pytest.raises(SignalWireNotFoundError):
        hook.stop_call_stream(call_sid, f"{NUMBER}-other")
    make_connection(host="http://127.0.0.1:1", extra={"max_attempts": 1})
    with pytest.raises(SignalWireConnectionError):
        SignalWireHook().get_call(call_sid)
    exported = "\n".join(span.to_json() for span in exporter.get_finished_spans())
    assert '"error.type": "connection_error"' in exported
    assert '"error.type": "not_found"' in exported
    assert [text for text in (*hook.settings.secrets, "secret-in", NUMBER, NUMBER[1:]) if text in exported] == []


def test_without_a_provider_no_span_is_started() -> None:
    assert batch_span().span is None


def test_without_a_provider_opentelemetry_is_not_imported() -> None:
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from airflow_provider_signalwire.client.policy.tracing import batch_span\n"
        "with batch_span().as_current(): pass\n"
        "assert 'opentelemetry.trace' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # the command is the test's own
