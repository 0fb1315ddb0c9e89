"""Traces cost nothing until they are wanted, and continue what came over the bus."""

import subprocess
import sys
import time

import pytest
from story.collector import collecting

from shared import tracing
from shared.bus.dispatch import batches, each
from shared.bus.sqlite import SqliteBus
from shared.config import Settings
from shared.contracts.codec import Envelope, encode
from shared.contracts.events import UserUpdated
from shared.contracts.topics import USERS
from shared.errors import TransientError


def event(id):
    data = UserUpdated(event_id=id, user_id="u1", updated_at="2026-05-03T10:00:00Z")
    return Envelope("acme", id, "u1", "2026-05-03T10:00:00Z", data)


@pytest.fixture
def bus(tmp_path):
    bus = SqliteBus(tmp_path / "bus.db")
    yield bus
    bus.close()


def test_without_an_endpoint_nothing_is_imported_wrapped_or_sent():
    engine = object()
    with tracing.traced(Settings(), "test"), tracing.span("x"):
        assert tracing.watched(engine, "engine") is engine
        assert ("", {}, False) == (tracing.traceparent(), tracing.outgoing(), tracing.on())
        assert [name for name, _ in encode(event("e1")).headers] == ["content-type"]
    program = "import sys, services.embedded.cli; sys.exit('opentelemetry' in sys.modules)"
    assert 0 == subprocess.run([sys.executable, "-c", program], check=False).returncode


def test_a_batch_stands_in_the_first_trace_and_every_other_trace_refers_to_it(bus):
    with collecting() as collector:
        with tracing.traced(Settings(otlp_endpoint=collector.url), "test"):
            for id in ("e1", "e2", "e3"):
                with tracing.span(id):
                    bus.publish([encode(event(id))])
            batches(lambda _: None, bus=bus, group="g")(bus.read(USERS, 0, 0, 10))
        roots = {span.name: span for span in collector.spans if not span.parent}
        handled = {span.trace: span for span in collector.spans if span.name == f"process {USERS}"}

    first = handled[roots["e1"].trace]
    assert {"e1", "e2", "e3"} == roots.keys()
    assert (roots["e2"].id, roots["e3"].id) == first.links
    assert [(first.id,)] * 2 == [handled[roots[name].trace].links for name in ("e2", "e3")]
    assert "3" == first.attributes["messaging.batch.message_count"]


def test_what_failed_shows_by_its_type_and_not_by_its_words(bus):
    def fail(_):
        raise TransientError("anna@shop.example cannot be reached")

    with collecting() as collector:
        with tracing.traced(Settings(otlp_endpoint=collector.url), "test"):
            bus.publish([encode(event("e1"))])
            handler = each(fail, bus=bus, group="g")
            with pytest.raises(TransientError):
                handler(bus.read(USERS, 0, 0, 10))
        [span] = collector.spans

    assert "TransientError" == span.attributes["error.type"]
    assert b"anna" not in collector.bytes


def test_an_engine_is_watched_within_a_trace_only():
    class Engine:
        size = 3

        def ask(self, what):
            return f"told {what}"

    with collecting() as collector:
        with tracing.traced(Settings(otlp_endpoint=collector.url), "test"):
            engine = tracing.watched(Engine(), "engine")
            assert ("told a", 3) == (engine.ask("a"), engine.size)
            with tracing.span("root"):
                engine.ask("b")
        assert ["engine.ask", "root"] == sorted(span.name for span in collector.spans)


def test_a_collector_that_is_away_holds_nobody_up():
    begun = time.monotonic()
    with tracing.traced(Settings(otlp_endpoint="http://127.0.0.1:1"), "test"), tracing.span("x"):
        pass
    assert time.monotonic() - begun < 6
