"""Spans of operations and HTTP attempts, through OpenTelemetry's global tracer provider if one is configured."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Generator, Iterator
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

from airflow_provider_signalwire.client.protocol.redaction import mask_phone_numbers
from airflow_provider_signalwire.client.protocol.request import ApiRequest

_RESOURCE = re.compile(r"/(Call|Conference|Recording|Stream)s/([^/?]+)")


class Span:
    """A started span, which a ``with`` statement ends; without one, it does nothing.

    :param trace: The module ``opentelemetry.trace``.
    :param span: OpenTelemetry's span.
    """

    def __init__(self, trace: Any = None, span: Any = None) -> None:
        self._trace = trace
        self.span = span

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end(error_type=exc_type.__name__ if exc_type else None)

    def end(self, *, status_code: int | None = None, error_type: str | None = None) -> None:
        """End the span.

        :param status_code: Status of the HTTP response.
        :param error_type: Kind of the failure. Its message may quote what SignalWire returned, so it is left out.
        """
        if self.span is None:
            return
        if status_code is not None:
            self.span.set_attribute("http.response.status_code", status_code)
        if error_type is not None:
            self.span.set_attribute("error.type", error_type)
            self.span.set_status(self._trace.Status(self._trace.StatusCode.ERROR))
        self.span.end()

    @contextlib.contextmanager
    def as_current(self) -> Iterator[None]:
        """Make it the parent of the spans that are started meanwhile, and end it."""
        with self:
            if self.span is None:
                yield
            else:
                with self._trace.use_span(self.span, record_exception=False, set_status_on_exception=False):
                    yield


def batch_span() -> Span:
    """Start the span of a batch."""
    return _start("signalwire.batch", {})


def operation_span(flow: Generator[Any, Any, Any]) -> Span:
    """Start the span of a flow."""
    name = flow.__qualname__  # type: ignore[attr-defined]  # every generator has one
    return _start(f"signalwire.{name}", {})


def attempt_span(request: ApiRequest[Any], attempt: int, parent: Span) -> Span:
    """Start the span of one attempt to send a request; query and form are left out."""
    if parent.span is None:
        return parent
    attributes = {
        "http.request.method": request.method,
        "http.request.resend_count": attempt - 1,
        "signalwire.operation": request.operation,
    }
    for resource, sid in _RESOURCE.findall(request.path):
        attributes[f"signalwire.{resource.lower()}_sid"] = mask_phone_numbers(unquote(sid))
    return _start(f"{request.method} {request.operation}", attributes, parent=parent)


def _start(name: str, attributes: dict[str, Any], *, parent: Span | None = None) -> Span:
    # Whoever configured a provider has imported the module. Importing it here would cost time and be a dependency.
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None or isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return _NO_SPAN
    span = trace.get_tracer("airflow_provider_signalwire").start_span(
        name,
        context=trace.set_span_in_context(parent.span) if parent else None,
        kind=trace.SpanKind.CLIENT if parent else trace.SpanKind.INTERNAL,
        attributes=attributes,
    )
    return Span(trace, span)


_NO_SPAN = Span()
