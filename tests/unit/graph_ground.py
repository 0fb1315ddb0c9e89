"""A graph on a log and a history in memory, and events to let flow into it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from services.graph.ports import GraphPorts
from services.graph.rebuild import rebuild
from shared.bus.dispatch import Received
from shared.bus.port import Message, Position, Record
from shared.clock import FixedClock, to_ms
from shared.contracts.codec import Envelope, decode, encode
from shared.contracts.events import Contact, PurchaseRecorded, UserErased, UserUpdated
from shared.history.port import Document, Entry, Outcome, Page
from shared.knowledge.ladybug import LadybugKnowledge
from shared.objects.files import FileObjects

NOW = datetime(2026, 5, 3, 10, tzinfo=UTC)


class MemoryHistory:
    """As much of a history as the graph needs, in memory."""

    def __init__(self) -> None:
        self.entries: dict[tuple, Entry] = {}
        self.erased: set[tuple] = set()
        self.marks: dict[tuple, Position] = {}
        self.documents: dict[tuple, Document] = {}

    def record(self, entries, watermarks=()):
        outcomes = [self._outcome(entry) for entry in entries]
        self.marks |= {(at.log, at.topic, at.partition): at for at in watermarks}
        return outcomes

    def _outcome(self, entry: Entry) -> Outcome:
        held = self.entries.setdefault((entry.shop, entry.kind, entry.id), entry)
        if held is entry:
            return Outcome.NEW
        if held.origin == entry.origin:
            return Outcome.REDELIVERED
        return Outcome.DUPLICATE if held.digest == entry.digest else Outcome.CONFLICT

    def replay(self, shop=None, after=0) -> Iterator[tuple[int, Entry]]:
        for number, (key, entry) in enumerate(list(self.entries.items()), 1):
            if number > after and key not in self.erased and shop in {None, entry.shop}:
                yield number, entry

    def watermarks(self):
        return sorted(self.marks.values())

    def shops(self):
        return sorted({entry.shop for entry in self.entries.values()})

    def erase(self, shop, user_id, before):
        gone = {k for k, e in self.entries.items() if (e.shop, e.user_id) == (shop, user_id) and e.at < before}
        self.erased |= gone
        return len(gone)

    def put(self, collection, shop, id, body, *, expect=None):
        assert expect != 0 or (collection, shop, id) not in self.documents
        before = self.documents.pop((collection, shop, id), None)
        document = Document(collection, shop, id, dict(body), before.version + 1 if before else 1, 0)
        return self.documents.setdefault((collection, shop, id), document)

    def get(self, collection, shop, id):
        return self.documents.get((collection, shop, id))

    def get_all(self, collection, shop, ids):
        return {id: one for id in ids if (one := self.get(collection, shop, id))}

    def find(self, collection, shop, where=None, *, page_token="", page_size=100):
        assert not page_token
        newest = [d for d in reversed(self.documents.values()) if d.collection == collection and shop in {None, d.shop}]
        found = [d for d in newest if all(d.body.get(k) == v for k, v in (where or {}).items())]
        return Page(tuple(found[:page_size]))

    def delete(self, collection, shop, id):
        return self.documents.pop((collection, shop, id), None) is not None


class ForgetfulHistory(MemoryHistory):
    """The control: deduplication is off."""

    def record(self, entries, watermarks=()):
        super().record(entries, watermarks)
        return [Outcome.NEW] * len(entries)


class MemoryBus:
    """A log of one partition a topic."""

    def __init__(self) -> None:
        self.log = "log-1"
        self.records: dict[str, list[Record]] = {}

    def publish(self, messages: list[Message]) -> list[Record]:
        return [self._append(message) for message in messages]

    def _append(self, message: Message) -> Record:
        records = self.records.setdefault(message.topic, [])
        record = Record(Position(self.log, message.topic, 0, len(records)), message, to_ms(NOW))
        records.append(record)
        return record

    def read(self, topic, _, start, limit):
        return self.records.get(topic, [])[start : start + limit]

    def forget(self, *_):
        return 0

    def ends(self, topic):
        return [Position(self.log, topic, 0, len(self.records.get(topic, [])))]


@contextmanager
def graph(directory) -> Iterator[GraphPorts]:
    """Give an empty graph of its own."""
    knowledge = LadybugKnowledge(directory / "knowledge", memory_mb=256)
    ports = GraphPorts(MemoryBus(), MemoryHistory(), knowledge, FileObjects(directory / "objects"), FixedClock(NOW))
    rebuild(ports)
    yield ports
    knowledge.close()


def bought(id: str, user: str = "ann", product: str = "milk", days: int = 0, price: str = "1.5", **facts) -> Envelope:
    lines = [{"product_id": product, "quantity": 1, "unit_price": price, **facts}]
    data = PurchaseRecorded.model_validate(
        {
            "purchase_id": id,
            "user_id": user,
            "purchased_at": NOW - timedelta(days=days),
            "currency": "EUR",
            "lines": lines,
        }
    )
    return Envelope("shop", id, user, NOW.isoformat(), data)


def erased(user: str = "ann", id: str = "x1", days: int = 0) -> Envelope:
    data = UserErased(event_id=id, user_id=user, erased_at=NOW - timedelta(days=days))
    return Envelope("shop", id, user, NOW.isoformat(), data)


def updated(id: str, email: str, days: int = 0) -> Envelope:
    data = UserUpdated(
        event_id=id, user_id="ann", updated_at=NOW - timedelta(days=days), contact=Contact(email=email), locale="de"
    )
    return Envelope("shop", id, "ann", NOW.isoformat(), data)


def published(ports: GraphPorts, *envelopes: Envelope) -> list[Received]:
    records = ports.bus.publish([encode(envelope) for envelope in envelopes])
    return [Received(record, decode(record.message)) for record in records]


def times(ports: GraphPorts, user: str = "ann", product: str = "milk") -> int:
    row = dict(ports.knowledge.rows("shop")).get(("purchased", "shop", user, product))
    return len(row.times) if row else 0
