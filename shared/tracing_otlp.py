"""Spans by OpenTelemetry, sent as OTLP over HTTP; imported only where traces are wanted."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.metrics import SPANS_LOST
from shared.tracing import HEADER, Attributes, Kind

_SEND_SECONDS = 2.0
_LAST_SECONDS = 3.0  # so long the end of a process waits for its last spans
_EVERY_MS = 1000

_PROPAGATOR = TraceContextTextMapPropagator()


class _Counted(OTLPSpanExporter):
    """Counts what does not arrive: traces are worth no work that waits for them."""

    def export(self, spans: Sequence[Any]) -> SpanExportResult:
        """Send spans."""
        told = super().export(spans)
        if told is not SpanExportResult.SUCCESS:
            SPANS_LOST.inc(len(spans))
        return told


class OtlpTracer:
    """Implements `shared.tracing.Tracer`; what is sent, and which share, OTEL_… variables can further say."""

    def __init__(self, endpoint: str, service: str) -> None:
        exporter = _Counted(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=_SEND_SECONDS)
        resource = Resource.create({"service.name": f"tastegraph-{service}"})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=_EVERY_MS))
        self._tracer = self._provider.get_tracer("tastegraph")

    @contextmanager
    def span(
        self, name: str, kind: Kind, parent: str | None, links: Sequence[str], attributes: Attributes
    ) -> Iterator[None]:
        """Be inside of a span; an error shows by its type only, for its words may hold a person's."""
        linked = [trace.Link(trace.get_current_span(_remote(link)).get_span_context()) for link in links]
        with self._tracer.start_as_current_span(
            name,
            None if parent is None else _remote(parent),
            kind=trace.SpanKind[kind.upper()],
            links=linked,
            attributes=dict(attributes),
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except Exception as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(trace.StatusCode.ERROR)
                raise

    def traceparent(self) -> str:
        """Return the span that one is inside of, or nothing."""
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier)
        return carrier.get(HEADER, "")

    def describe(self, name: str, attributes: Attributes, *, failed: bool) -> None:
        """Tell more of that span."""
        span = trace.get_current_span()
        span.update_name(name)
        span.set_attributes(dict(attributes))
        if failed:
            span.set_status(trace.StatusCode.ERROR)

    def close(self) -> None:
        """Send what is left; a collector that does not answer holds nobody up."""
        closing = threading.Thread(target=self._provider.shutdown, name="traces-closing", daemon=True)
        closing.start()
        closing.join(_LAST_SECONDS)


def _remote(traceparent: str) -> Context:
    """Return the context that another process told us of; of what is malformed, a new trace begins."""
    return _PROPAGATOR.extract({HEADER: traceparent}, Context())
