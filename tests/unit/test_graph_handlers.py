"""The graph's handlers: each event has one effect, whatever the bus does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from unit.graph_ground import NOW, ForgetfulHistory, bought, erased, graph, published, times, updated

from services.graph.handlers import catch_up, project
from services.graph.ports import Changed
from services.graph.rebuild import verify
from shared.bus.deadletters import list_dead_letters
from shared.bus.dispatch import Received
from shared.bus.port import Message
from shared.clock import to_ms
from shared.contracts.codec import Envelope
from shared.contracts.events import InterestExpressed, Kind, ProductUpdated
from shared.contracts.topics import INTERESTS, PRODUCTS, PURCHASES, USERS
from shared.knowledge.ladybug import LadybugKnowledge


@pytest.fixture
def ports(tmp_path):
    with graph(tmp_path) as one:
        yield one


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


def test_poison_that_the_bus_skipped_is_parked_once(ports):
    """The group's offsets were moved past it before anybody had seen it."""
    [bad] = ports.bus.publish([Message(PURCHASES, b"shop|ann", b"?")])
    batch = published(ports, bought("p1"), bought("p2"))
    project(batch[:1], ports)
    ports.knowledge.load([], [])  # set back: the log is read from its beginning once more
    project(batch[1:], ports)
    assert times(ports) == 2
    assert [(one.at, one.group) for one in list_dead_letters(ports.bus)] == [(bad.position, "graph")]


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


def test_what_a_batch_changed_is_told(ports):
    told = []
    listening = replace(ports, changed=told.append)
    shop = frozenset({"shop"})
    data = InterestExpressed(interest_id="i", user_id="ann", name="Hiking", expressed_at=NOW)
    project(published(listening, Envelope("shop", "i", "ann", NOW.isoformat(), data)), listening)
    project(published(listening, bought("p1", "bob", days=1)), listening)
    project(published(listening, erased("bob")), listening)
    assert [
        Changed(shop, worded=shop),
        Changed(shop, people=frozenset({("shop", "bob")})),
        Changed(shop, anew=shop),
    ] == told


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
