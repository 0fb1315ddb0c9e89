"""A graph service that starts before its servers waits for them; one that takes long over its work is not stuck."""

from __future__ import annotations

import time
from contextlib import suppress

from services.graph.wiring import build
from shared.bus.port import Message
from shared.config import Settings
from shared.contracts.codec import Envelope, encode
from shared.contracts.events import UserErased, UserUpdated
from shared.engines import open_engines
from shared.errors import UnavailableError

AT = "2026-05-03T10:00:00Z"


def event(user: str = "ann") -> Message:
    return encode(Envelope("acme", user, user, AT, UserUpdated(event_id=user, user_id=user, updated_at=AT)))


def known(knowledge) -> list[str]:
    with suppress(UnavailableError):
        return knowledge.users("acme", after="", limit=1)
    return []


def test_a_graph_whose_server_is_away_at_the_start_is_waited_for_and_then_served(tmp_path, monkeypatch):
    engines = open_engines(Settings(data=tmp_path))
    knowledge, answers = engines.knowledge, engines.knowledge.status

    def away():
        raise UnavailableError("nobody is there")

    monkeypatch.setattr(knowledge, "status", away)
    service = build(engines)
    service.start()
    assert "not been started" in service.unready()
    engines.bus.publish([event()])
    monkeypatch.setattr(knowledge, "status", answers)
    deadline = time.monotonic() + 60
    while not known(knowledge):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert service.unready() is None
    service.stop()
    engines.close()


def test_a_graph_whose_server_never_comes_can_be_stopped(tmp_path):
    engines = open_engines(Settings(data=tmp_path, knowledge_url="bolt://127.0.0.1:1"))
    service = build(engines)
    service.start()
    begun = time.monotonic()
    service.stop()
    engines.close()
    assert time.monotonic() - begun < 20


def test_an_erasure_with_a_long_pass_over_ledger_and_graph_is_not_taken_for_stuck(tmp_path, monkeypatch):
    engines = open_engines(Settings(data=tmp_path))
    service, rows, seen = build(engines), engines.knowledge.rows, []

    def slowly(shop):
        time.sleep(1.5)
        for row in rows(shop):
            yield row
            seen.append((service._subscription.progress(), service.progress()))

    monkeypatch.setattr(engines.knowledge, "rows", slowly)
    service.start()
    engines.bus.publish([event(), event("bob")])
    erased = UserErased(event_id="x", user_id="ann", erased_at=AT)
    engines.bus.publish([encode(Envelope("acme", "x", "ann", AT, erased))])
    deadline = time.monotonic() + 60
    while not seen:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    service.stop()
    engines.close()
    batch, pass_ = seen[0]
    assert batch > 1.4 > pass_
