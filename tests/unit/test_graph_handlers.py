"""The graph's handlers: each event has one effect, whatever the bus does; a person erased stays so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.graph.handlers import catch_up, project
from services.graph.ports import GraphPorts
from services.graph.rebuild import rebuild, repair, restore, snapshot, verify
from shared.bus.dispatch import Received
from shared.bus.port import Message, Position, Record
from shared.clock import FixedClock, to_ms
from shared.contracts.codec import Envelope, decode, encode
from shared.contracts.events import (
    Contact,
    InterestExpressed,
    Kind,
    ProductUpdated,
    PurchaseRecorded,
    UserErased,
    UserUpdated,
)
from shared.contracts.topics import INTERESTS, PRODUCTS, PURCHASES, USERS
from shared.history.port import Document, Entry, Outcome, Page
from shared.knowledge.ladybug import LadybugKnowledge

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

    def put(self, collection, shop, id, body):
        self.documents[collection, shop, id] = Document(collection, shop, id, dict(body), 1, 0)
        return self.documents[collection, shop, id]

    def get(self, collection, shop, id):
        return self.documents.get((collection, shop, id))

    def find(self, collection, shop, where=None):
        found = [d for d in self.documents.values() if (d.collection, d.shop) == (collection, shop)]
        return Page(tuple(d for d in found if all(d.body.get(k) == v for k, v in (where or {}).items())))

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

    def ends(self, topic):
        return [Position(self.log, topic, 0, len(self.records.get(topic, [])))]


@pytest.fixture
def ports(tmp_path):
    knowledge = LadybugKnowledge(tmp_path / "knowledge", memory_mb=64)
    ports = GraphPorts(MemoryBus(), MemoryHistory(), knowledge, FixedClock(NOW))
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


def test_a_repeated_purchase_is_recorded_once(ports):
    project(published(ports, bought("p1"), bought("p1")), ports)
    project(published(ports, bought("p1")), ports)
    assert times(ports) == 1


def test_without_deduplication_a_repeated_purchase_counts_twice(ports):
    careless = replace(ports, history=ForgetfulHistory())
    project(published(careless, bought("p1"), bought("p1")), careless)
    assert times(careless) == 2
    assert not verify(careless).equal


def test_a_batch_offered_again_has_no_effect(ports):
    batch = published(ports, bought("p1"), bought("p2"))
    for _ in range(3):
        project(batch, ports)
    assert (times(ports), verify(ports).equal) == (2, True)


def test_a_batch_recorded_but_not_projected_is_projected_when_it_comes_again(ports, monkeypatch):
    batch = published(ports, bought("p1"))
    with monkeypatch.context() as patch:
        patch.setattr(LadybugKnowledge, "apply", lambda *_: (_ for _ in ()).throw(RuntimeError("killed")))
        with pytest.raises(RuntimeError):
            project(batch, ports)
    assert (times(ports), verify(ports).equal) == (0, True)
    project(batch, ports)
    assert (times(ports), verify(ports).equal) == (1, True)


def test_what_the_bus_skipped_is_fetched_from_the_log(ports):
    batch = published(ports, *(bought(f"p{number}") for number in range(5)))
    project(batch[4:], ports)
    project(batch[:4], ports)
    assert times(ports) == 5


def test_a_conflicting_purchase_has_no_effect(ports):
    project(published(ports, bought("p1"), bought("p1", price="9")), ports)
    row = dict(ports.knowledge.rows("shop"))["purchased", "shop", "ann", "milk"]
    assert row.spend == 150


def test_an_undecodable_record_moves_the_watermark_on(ports):
    (good,) = published(ports, bought("p1"))
    (bad,) = (Received(record, None) for record in ports.bus.publish([Message(PURCHASES, b"k", b"?")]))
    project([good, bad], ports)
    assert (times(ports), [at.offset for at in ports.knowledge.watermarks()]) == (1, [1])


def test_a_log_made_anew_starts_at_zero_again_and_repeats_have_no_effect(ports):
    project(published(ports, bought("p1"), bought("p2")), ports)
    ports.bus.log, ports.bus.records = "log-2", {}
    project(published(ports, bought("p1"), bought("p3")), ports)
    assert (times(ports), verify(ports).equal) == (3, True)


def test_contacts_are_kept_apart_and_the_latest_word_holds(ports):
    project(published(ports, updated("e2", "new@example.org"), updated("e1", "old@example.org", days=3)), ports)
    assert ports.history.get("contacts", "shop", "ann").body["email"] == "new@example.org"
    assert "example.org" not in str(list(ports.knowledge.rows("shop")))


def test_an_erased_person_is_gone_and_the_graph_still_equals_the_ledger(ports):
    project(published(ports, bought("p1", days=2, name="Milk", brand="Acme"), bought("p2", user="bob", days=1)), ports)
    project(published(ports, updated("e1", "ann@example.org", days=2)), ports)
    project(published(ports, erased()), ports)
    rows = dict(ports.knowledge.rows("shop"))
    assert verify(ports).equal
    assert not [key for key in rows if "ann" in key or "brand:acme" in key]
    assert (times(ports, "bob"), ports.history.get("contacts", "shop", "ann")) == (1, None)


def test_what_comes_late_of_an_erased_person_is_forgotten_and_what_came_after_stays(ports):
    project(published(ports, bought("p1", days=5), erased(days=2), bought("p2", days=3), bought("p3", days=1)), ports)
    assert (times(ports), verify(ports).equal) == (1, True)
    rebuild(ports)
    assert (times(ports), verify(ports).equal) == (1, True)


def test_touched_shops_and_new_tags_are_told(ports):
    told = []
    listening = replace(ports, changed=lambda *what: told.append(what))
    data = InterestExpressed(interest_id="i", user_id="ann", name="Hiking", expressed_at=NOW)
    project(published(listening, Envelope("shop", "i", "ann", NOW.isoformat(), data)), listening)
    assert [(frozenset({"shop"}), frozenset({("shop", "tag:hiking")}))] == told


def test_verify_names_a_deleted_edge_an_altered_number_and_a_surplus_node(ports):
    project(published(ports, bought("p1"), bought("p2", product="bread")), ports)
    before = verify(ports).graph
    with ports.knowledge.engine.transaction():
        writer = ports.knowledge.engine.current.writer
        writer.execute("MATCH (:User)-[e:PURCHASED]->(p:Product {id: 'milk'}) DELETE e")
        writer.execute("MATCH (:User)-[e:PURCHASED]->(p:Product {id: 'bread'}) SET e.spend = 1")
        writer.execute("MATCH (u:User) SET u.id = 'eve'")
        writer.execute("CREATE (:Product {uid: 'odd', shop: 'shop', id: 'odd', facts: '{}', popular: 0})")
    report = verify(ports)
    named = {difference.row for difference in report.differences}
    assert not report.equal
    assert {"purchased/shop/ann/milk", "purchased/shop/ann/bread", "user/shop/ann"} <= named
    after = repair(ports)
    assert (True, before) == (after.equal, verify(ports).graph)


def test_a_doubled_edge_is_found_and_mended(ports):
    project(published(ports, bought("p1")), ports)
    before = verify(ports).graph
    with ports.knowledge.engine.transaction():
        ports.knowledge.engine.current.writer.execute(
            "MATCH (u:User)-[e:PURCHASED]->(p:Product) "
            "CREATE (u)-[:PURCHASED {times: e.times, quantity: e.quantity, spend: e.spend, refunded: 0, returned: 0, "
            "currency: e.currency}]->(p)"
        )
    assert [difference.row for difference in verify(ports).differences] == ["purchased/shop/ann/milk"]
    assert (True, before) == (repair(ports).equal, verify(ports).graph)


def test_a_restored_copy_catches_up_with_the_log(ports, tmp_path):
    project(published(ports, bought("p1")), ports)
    snapshot(ports, str(tmp_path / "copy"))
    project(published(ports, bought("p2")), ports)
    before = verify(ports).graph
    report = restore(ports, str(tmp_path / "copy"))
    assert (True, before, 2) == (report.equal, dict(report.graph), times(ports))
    project(published(ports, bought("p3")), ports)
    assert (times(ports), verify(ports).equal) == (3, True)


def test_a_restored_copy_whose_log_is_gone_is_rebuilt_from_the_ledger(ports, tmp_path):
    project(published(ports, bought("p1")), ports)
    snapshot(ports, str(tmp_path / "copy"))
    project(published(ports, bought("p2")), ports)
    ports.bus.log, ports.bus.records = "log-2", {}
    assert restore(ports, str(tmp_path / "copy")).equal
    assert times(ports) == 2


def test_catching_up_projects_every_topic(ports):
    product = ProductUpdated(event_id="c", product_id="milk", updated_at=NOW, name="Milk")
    published(
        ports, bought("p1"), Envelope("shop", "c", "milk", NOW.isoformat(), product), updated("e", "a@example.org")
    )
    catch_up(ports)
    assert {PURCHASES, PRODUCTS, USERS} == {at.topic for at in ports.knowledge.watermarks()}
    assert INTERESTS not in ports.bus.records


def test_every_kind_of_entry_has_its_moment(ports):
    project(published(ports, bought("p1", days=1)), ports)
    ((_, entry),) = ports.history.replay()
    assert (Kind.PURCHASE, to_ms(NOW - timedelta(days=1)), "ann") == (entry.kind, entry.at, entry.user_id)


def test_a_person_erased_while_the_ledger_is_read_is_not_in_the_rebuilt_graph(ports, monkeypatch):
    project(published(ports, bought("p1", days=2), bought("p2", user="bob")), ports)
    replay = MemoryHistory.replay
    pending = published(ports, erased())

    def replay_and_erase(history, shop=None, after=0):
        yield from replay(history, shop, after)
        if pending:
            project([pending.pop()], ports)

    monkeypatch.setattr(MemoryHistory, "replay", replay_and_erase)
    rebuild(ports)
    assert (times(ports), times(ports, "bob"), verify(ports).equal) == (0, 1, True)
