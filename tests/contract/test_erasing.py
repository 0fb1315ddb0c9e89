"""A person erased in the middle of an import and of a rebuild is gone everywhere after, on all engines at once."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby, islice

import pytest

from services.graph.handlers import project
from services.graph.ports import GraphPorts
from services.graph.rebuild import rebuild, verify
from shared.bus.dispatch import Received
from shared.bus.sqlite import SqliteBus
from shared.clock import FixedClock
from shared.contracts.codec import Envelope, decode, encode
from shared.contracts.events import Contact, Kind, PurchaseRecorded, UserErased, UserUpdated
from shared.errors import TransientError
from shared.history.mongo import MongoHistory
from shared.history.sqlite import SqliteHistory
from shared.knowledge.ladybug import LadybugKnowledge
from shared.knowledge.neo4j import Neo4jKnowledge
from shared.objects.files import FileObjects
from shared.objects.s3 import S3Objects

NOW = datetime(2026, 5, 3, 10, tzinfo=UTC)


@dataclass(frozen=True)
class Workers:
    """Workers on the same engines: threads of one process, or processes that share no lock."""

    ports: GraphPorts
    together: bool

    def another(self) -> GraphPorts:
        one = self.ports
        lock = one.projecting if self.together else threading.RLock()
        return GraphPorts(one.bus, one.history, one.knowledge, one.objects, one.clock, one.changed, lock)


def embedded(request, directory):
    knowledge = LadybugKnowledge(directory / "knowledge", memory_mb=256)
    return SqliteHistory(directory / "history.db"), knowledge, FileObjects(directory / "objects")


def distributed(request, _):
    server, _, query = request.getfixturevalue("s3_url").partition("?")
    history = MongoHistory(f"{request.getfixturevalue('mongodb_url').rpartition('/')[0]}/{uuid.uuid4().hex[:12]}")
    knowledge = Neo4jKnowledge(request.getfixturevalue("empty_neo4j_url"), remembers=0.05)
    return history, knowledge, S3Objects(f"{server.rpartition('/')[0]}/{uuid.uuid4()}?{query}")


@pytest.fixture(params=[embedded, pytest.param(distributed, marks=pytest.mark.servers)])
def workers(request, tmp_path):
    bus = SqliteBus(tmp_path / "bus.db")
    engines = request.param(request, tmp_path)
    ports = GraphPorts(bus, *engines, FixedClock(NOW))
    rebuild(ports)
    yield Workers(ports, together=request.param is embedded)
    for engine in (bus, *engines):
        engine.close()


def bought(number: int) -> Envelope:
    data = PurchaseRecorded(
        purchase_id=f"b{number}",
        user_id=("ann", "bob", "cid")[number % 3],
        purchased_at=NOW - timedelta(days=1 + number % 90),
        currency="EUR",
        lines=[{"product_id": f"p{number % 7}", "quantity": 1, "unit_price": "1.5", "name": f"Thing {number % 7}"}],
    )
    return Envelope("shop", data.purchase_id, data.user_id, NOW.isoformat(), data)


def told(number: int) -> Envelope:
    contact = Contact(email=f"ann{number}@example.org")
    data = UserUpdated(event_id=f"u{number}", user_id="ann", updated_at=NOW - timedelta(days=number), contact=contact)
    return Envelope("shop", data.event_id, "ann", NOW.isoformat(), data)


def erased() -> Envelope:
    data = UserErased(event_id="x", user_id="ann", erased_at=NOW)
    return Envelope("shop", "x", "ann", NOW.isoformat(), data)


def published(ports: GraphPorts, envelopes: Sequence[Envelope]) -> list[Received]:
    positions = ports.bus.publish([encode(envelope) for envelope in envelopes])
    records = (ports.bus.read(at.topic, at.partition, at.offset, 1)[0] for at in positions)
    return [Received(record, decode(record.message)) for record in records]


def patiently(act: Callable[[], object]) -> None:
    """Do it, again and again while an engine asks for it, as the bus would."""
    for _ in range(50):
        try:
            act()
        except TransientError:
            continue
        return
    raise AssertionError("it was never done")


def keep_made(ports: GraphPorts) -> list[str]:
    keys = [f"{kind}/s/1/{name}" for kind in ("emails", "boards") for name in ("one.html", "two.png")]
    for key in keys:
        ports.objects.put(key, b"personal", "text/plain")
    places = [{"file": key.rpartition("/")[2], "key": key} for key in keys]
    ports.history.put("emails", "shop", "1", {"user_id": "ann", "files": places[:2]})
    ports.history.put("boards", "shop", "1", {"user_id": "ann", "pictures": places[2:]})
    for collection in ("decisions", "email-tallies", "jobs", "campaign-outcomes"):
        ports.history.put(collection, "shop", "1", {"user_id": "ann"})
    return keys


def left(ports: GraphPorts, keys: list[str]) -> list[object]:
    collections = ("contacts", "emails", "boards", "decisions", "email-tallies", "jobs", "campaign-outcomes")
    documents = (found for name in collections for found in ports.history.find(name, "shop").items)
    events = (entry for _, entry in ports.history.replay("shop") if entry.user_id == "ann")
    return [
        *documents,
        *filter(ports.objects.get, keys),
        *(entry for entry in events if entry.kind is not Kind.ERASURE),
        *(key for key, _ in ports.knowledge.rows("shop") if key[0] in {"purchased", "interested"} and key[2] == "ann"),
    ]


def bring_in(ports: GraphPorts, received: Sequence[Received], under_way: threading.Event) -> None:
    """Project records in small batches, each of one partition; tell when a third has been brought in."""
    done = 0
    for _, group in groupby(sorted(received, key=partition_of), key=partition_of):
        waiting = iter(group)
        while batch := list(islice(waiting, 5)):
            patiently(lambda batch=batch: project(batch, ports))
            done += len(batch)
            if 3 * done >= len(received):
                under_way.set()


def partition_of(item: Received) -> int:
    return item.record.position.partition


def when(event: threading.Event, act: Callable[[], object]) -> None:
    event.wait(60)
    patiently(act)


def test_who_is_erased_during_an_import_and_a_rebuild_is_gone_everywhere(workers):
    ports, begun = workers.ports, threading.Event()
    purchases = published(ports, [bought(number) for number in range(90)])
    bring_in(ports, published(ports, [told(number) for number in range(1, 4)]), threading.Event())
    keys = keep_made(ports)
    erasure = published(ports, [erased()])
    assert left(ports, keys)
    with ThreadPoolExecutor(3) as pool:
        importer, eraser, builder = workers.another(), workers.another(), workers.another()
        running = [
            pool.submit(bring_in, importer, purchases, begun),
            pool.submit(when, begun, lambda: project(erasure, eraser)),
            pool.submit(when, begun, lambda: rebuild(builder)),
        ]
        for one in running:
            one.result()
    assert left(ports, keys) == []
    assert 60 == sum(entry.kind is Kind.PURCHASE for _, entry in ports.history.replay())
    assert verify(ports).equal or not workers.together  # without a common lock others' rows may differ: see operations
    patiently(lambda: rebuild(ports))
    assert (left(ports, keys), verify(ports).equal) == ([], True)
