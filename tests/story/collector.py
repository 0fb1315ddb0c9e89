"""A collector of traces: takes OTLP over HTTP, as a real one does, and decodes what it gets."""

from __future__ import annotations

import gzip
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True)
class Span:
    """A span as it arrived."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    links: tuple[str, ...]
    attributes: dict[str, str]


class Collector(ThreadingHTTPServer):
    """Listens on a free port; `spans` are those that came, `bytes` all that was sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taking)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.spans: list[Span] = []
        self.bytes = b""

    def take(self, body: bytes) -> None:
        self.bytes += body
        told = ExportTraceServiceRequest.FromString(body)
        for resource in told.resource_spans:
            service = text(resource.resource.attributes)["service.name"]
            for scope in resource.scope_spans:
                self.spans += [span(service, one) for one in scope.spans]

    def trace(self, id: str) -> list[Span]:
        return [span for span in self.spans if span.trace == id]

    def until(self, holds, seconds=30):
        """Wait until something holds of the spans; return whether it came to."""
        deadline = time.monotonic() + seconds
        while not holds() and time.monotonic() < deadline:
            time.sleep(0.1)
        return holds()


class Taking(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.path == "/v1/traces"
        self.server.take(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def text(attributes):
    return {one.key: str(getattr(one.value, one.value.WhichOneof("value"))) for one in attributes}


def span(service, one):
    links = tuple(link.span_id.hex() for link in one.links)
    ids = (one.trace_id.hex(), one.span_id.hex(), one.parent_span_id.hex())
    return Span(service, one.name, *ids, links, text(one.attributes))


@contextmanager
def collecting():
    """Run a collector while inside."""
    with Collector() as collector:
        serving = threading.Thread(target=collector.serve_forever, args=(0.05,), daemon=True)
        serving.start()
        try:
            yield collector
        finally:
            collector.shutdown()
            serving.join()
