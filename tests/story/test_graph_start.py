"""A graph service that starts before its servers waits for them, and then does its work."""

from __future__ import annotations

import time
from contextlib import suppress

from services.graph.wiring import build
from shared.bus.port import Message
from shared.config import Settings
from shared.contracts.codec import Envelope, encode
from shared.contracts.events import UserUpdated
from shared.engines import open_engines
from shared.errors import UnavailableError


def event() -> Message:
    data = UserUpdated(event_id="e", user_id="ann", updated_at="2026-05-03T10:00:00Z")
    return encode(Envelope("acme", "e", "ann", "2026-05-03T10:00:00Z", data))


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
