"""Contact data is not lost when the process dies between the ledger's word and the graph's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.graph.handlers import project
from services.graph.ports import GraphPorts
from services.graph.rebuild import rebuild
from shared.bus.dispatch import Received
from shared.bus.sqlite import SqliteBus
from shared.clock import FixedClock
from shared.contracts.codec import Envelope, encode
from shared.contracts.events import Contact, UserErased, UserUpdated
from shared.history.sqlite import SqliteHistory
from shared.knowledge.ladybug import LadybugKnowledge
from shared.objects.files import FileObjects

NOW = datetime(2026, 5, 3, 10, tzinfo=UTC)


@pytest.fixture
def ports(tmp_path):
    knowledge = LadybugKnowledge(tmp_path / "knowledge", memory_mb=256)
    history, bus = SqliteHistory(tmp_path / "history.db"), SqliteBus(tmp_path / "bus.db")
    ports = GraphPorts(bus, history, knowledge, FileObjects(tmp_path / "objects"), FixedClock(NOW))
    rebuild(ports)
    yield ports
    for engine in (bus, history, knowledge):
        engine.close()


def told(ports: GraphPorts, email: str, days: int = 0) -> list[Received]:
    data = UserUpdated(
        event_id=email, user_id="ann", updated_at=NOW - timedelta(days=days), contact=Contact(email=email)
    )
    return published(ports, Envelope("shop", email, "ann", NOW.isoformat(), data))


def published(ports: GraphPorts, envelope: Envelope) -> list[Received]:
    (position,) = ports.bus.publish([encode(envelope)])
    (record,) = ports.bus.read(position.topic, 0, position.offset, 1)
    return [Received(record, envelope)]


def die_after_the_ledger(ports: GraphPorts, received: list[Received], monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("services.graph.handlers._unforgotten", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            project(received, ports)


def test_contact_recorded_and_not_yet_kept_is_kept_by_a_rebuild(ports, monkeypatch):
    project(told(ports, "old@example.org", days=1), ports)
    die_after_the_ledger(ports, told(ports, "new@example.org"), monkeypatch)

    rebuild(ports)

    assert ports.history.get("contacts", "shop", "ann").body["email"] == "new@example.org"


def test_a_rebuild_brings_no_contact_of_an_erased_person_back(ports):
    project(told(ports, "ann@example.org", days=1), ports)
    erased = UserErased(event_id="x", user_id="ann", erased_at=NOW)
    project(published(ports, Envelope("shop", "x", "ann", NOW.isoformat(), erased)), ports)

    rebuild(ports)

    assert ports.history.get("contacts", "shop", "ann") is None
