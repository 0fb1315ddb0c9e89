"""Messages, offsets, topics that are wrong: told, parked, filled in; the others flow (FAULTS 8, 10, 17, 19, 33-35)."""

import threading
import time

import pytest
from faults.bus_ground import ground, until
from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata

from services.graph.handlers import project
from services.graph.ports import GraphPorts
from services.graph.rebuild import repair, verify
from shared.bus.deadletters import list_dead_letters, replay
from shared.bus.dispatch import Patience, batches, each
from shared.bus.kafka_cluster import cluster
from shared.bus.kafka_topics import Administration, Declared, declared
from shared.bus.port import Message
from shared.clock import SystemClock
from shared.config import Settings
from shared.contracts.codec import Envelope, decode, encode
from shared.contracts.events import PurchaseRecorded, UserUpdated
from shared.contracts.topics import COMMERCE, LARGEST_MESSAGE, PURCHASES, USERS
from shared.errors import InvalidInputError, UsageError
from shared.history.sqlite import SqliteHistory
from shared.knowledge.ladybug import LadybugKnowledge
from shared.objects.files import FileObjects

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

QUICK = Patience(attempts=2, first_pause=0, longest_pause=0)


@pytest.fixture
def here(kafka_url, tmp_path):
    with ground(kafka_url, tmp_path) as made:
        yield made


@pytest.fixture
def bus(here):
    bus = here.bus()
    yield bus
    bus.close()


def event(id, user="u1"):
    data = UserUpdated(event_id=id, user_id=user, updated_at="2026-05-03T10:00:00Z")
    return encode(Envelope("acme", id, user, "2026-05-03T10:00:00Z", data))


def purchase(n):
    data = PurchaseRecorded(
        purchase_id=f"n{n}",
        user_id=f"u{n % 7}",
        purchased_at="2026-07-01T10:00:00Z",
        currency="EUR",
        lines=[{"product_id": f"p{n % 5}", "quantity": 1, "unit_price": "2.50"}],
    )
    return encode(Envelope("s", data.purchase_id, data.user_id, "2026-07-01T10:00:00Z", data))


def test_poison_among_good_events_is_parked_with_its_reason_and_blocks_nobody(bus):
    poison = [
        b"\xff\xfe\x00",
        None,
        b"[" * 100_000,
        b'{"specversion": "9.9"}',
        event("x").value.replace(b"updated.v1", b"updated.v9"),
        b'"' + b"x" * (LARGEST_MESSAGE - 2000) + b'"',
    ]
    handled = []
    bus.publish([event("before")] + [Message(USERS, b"acme|u1", value) for value in poison] + [event("after")])
    bus.subscribe("graph", [USERS], each(lambda e: handled.append(e.id), bus=bus, group="graph", patience=QUICK))
    until(lambda: handled == ["before", "after"])
    letters = list_dead_letters(bus, USERS)
    assert sorted(poison, key=str) == sorted((letter.original.value for letter in letters), key=str)
    assert {letter.code for letter in letters} == {"invalid-input"}
    assert {letter.shop for letter in letters} == {"acme"}


def test_what_crashes_its_handler_once_is_handled_and_what_always_does_is_parked_while_others_flow(bus):
    crashes, handled = {"once": 1, "always": 99}, []

    def handle(envelope):
        if crashes.get(envelope.id, 0) > 0:
            crashes[envelope.id] -= 1
            raise RuntimeError("a defect")
        handled.append(envelope.id)

    bus.publish([event(id) for id in ("once", "always", "after")])
    bus.subscribe("graph", [USERS], each(handle, bus=bus, group="graph", patience=QUICK))
    until(lambda: handled == ["once", "after"])
    assert [("crashed", "always")] == [(x.code, decode(x.original).id) for x in list_dead_letters(bus, USERS)]


def test_what_is_larger_than_the_bus_takes_is_refused_and_nothing_of_its_batch_is_sent(bus):
    with pytest.raises(InvalidInputError):
        bus.publish([event("good"), Message(USERS, b"acme|u1", b"x" * (10 << 20))])
    assert sum(end.offset for end in bus.ends(USERS)) == 0


def test_while_the_dead_letters_cannot_be_written_the_worker_stops_and_skips_nothing(here, bus):
    administration, handled = here.administration(), []
    parking = cluster(Settings(bus_url=here.url)).physical(f"{USERS}.dlt")
    administration._call(lambda client: client.delete_topics([parking]))
    bus.publish([Message(USERS, b"acme|u1", b"poison"), event("after")])
    bus.subscribe("graph", [USERS], each(lambda e: handled.append(e.id), bus=bus, group="graph", patience=QUICK))
    time.sleep(6)
    assert handled == []
    assert bus.lag("graph", [USERS]) == 2
    assert "missing" in bus.unready()
    assert administration.apply() == [f"made {USERS}.dlt with 1 partitions"]
    until(lambda: handled == ["after"])
    assert [letter.original.value for letter in list_dead_letters(bus, USERS)] == [b"poison"]
    administration.close()


def test_a_partition_whose_handler_fails_waits_while_the_others_flow(bus):
    down, handled = threading.Event(), []
    down.set()
    spread = bus.publish([event(f"e{n}", user=f"u{n}") for n in range(40)])
    bad = spread[0].partition

    def handler(records):
        if down.is_set() and records[0].position.partition == bad:
            raise InterruptedError("its database is away")
        handled.extend(record.position for record in records)

    bus.subscribe("graph", [USERS], handler, batch=3)
    others = sum(at.partition != bad for at in spread)
    until(lambda: len(handled) == others)
    assert bad not in {at.partition for at in handled}
    down.clear()
    until(lambda: len(handled) == 40)
    assert [at.offset for at in handled if at.partition == bad] == list(range(40 - others))


@pytest.fixture
def graph(here, bus, tmp_path):
    history = SqliteHistory(tmp_path / "history.db")
    knowledge = LadybugKnowledge(tmp_path / "knowledge", memory_mb=256)
    ports = GraphPorts(bus, history, knowledge, FileObjects(tmp_path / "objects"), SystemClock())
    repair(ports)
    yield ports
    bus.close()
    knowledge.close()
    history.close()


def subscribed(ports):
    handler = batches(lambda received: project(received, ports), bus=ports.bus, group="graph")
    return ports.bus.subscribe("graph", list(COMMERCE), handler)


def move_offsets(here, bus, offset_of):
    """Move the group's offsets while nobody is in it."""
    administration, name = here.administration(), cluster(Settings(bus_url=here.url)).physical
    ends = {TopicPartition(name(PURCHASES), end.partition): offset_of(end) for end in bus.ends(PURCHASES)}
    administration._call(lambda client: client.alter_group_offsets(name("graph"), ends))
    administration.close()


@pytest.mark.parametrize("moved", [lambda end: end.offset, lambda _: 0], ids=["ahead", "back"])
def test_whatever_becomes_of_the_groups_offsets_the_watermark_wins(here, bus, graph, moved):
    bus.publish([purchase(n) for n in range(50)])
    first = subscribed(graph)
    until(lambda: bus.lag("graph", [PURCHASES]) == 0)
    first.stop()
    bus.publish([purchase(n) for n in range(50, 100)])
    move_offsets(here, bus, lambda end: OffsetAndMetadata(moved(end), "", -1))
    bus.publish([purchase(n) for n in range(100, 200)])
    subscribed(graph)
    until(lambda: bus.lag("graph", [PURCHASES]) == 0)
    report = verify(graph)
    assert report.equal
    assert sum(1 for _ in graph.history.replay("s")) == 200


def test_a_topic_made_anew_is_another_log_and_is_read_from_its_beginning(here, bus):
    seen = []
    bus.publish([event("a"), event("b")])
    bus.subscribe("graph", [USERS], lambda records: seen.extend(record.position for record in records))
    until(lambda: len(seen) == 2)
    administration = here.administration()
    name = cluster(Settings(bus_url=here.url)).physical(USERS)
    administration._call(lambda client: client.delete_topics([name]))
    until(lambda: USERS in str(administration.check()))
    administration.apply()
    administration.close()
    until(lambda: bus.unready() is None)
    bus.publish([event("c")])
    until(lambda: len(seen) == 3, 60)
    assert [at.offset for at in seen] == [0, 1, 0]
    assert seen[0].log == seen[1].log != seen[2].log


def test_a_consumer_that_fetches_no_more_shows_in_its_progress(bus):
    handled = []
    subscription = bus.subscribe("graph", [USERS], handled.extend)
    until(lambda: subscription.unready() is None)
    consumer = subscription._worker._app.consumer
    consumer.pause_partitions(consumer.assignment())
    time.sleep(1.5)
    assert subscription.progress() < 1
    bus.publish([event("a")])
    until(lambda: subscription.progress() > 5)
    consumer.resume_partitions(consumer.assignment())
    until(lambda: subscription.progress() < 1 and len(handled) == 1)


def test_missing_and_wrong_topics_are_told_with_what_to_do(kafka_url):
    settings = Settings(bus_url=f"{kafka_url}/topics-{time.monotonic_ns()}.")
    right = declared()
    wrong = Administration(cluster(settings), {PURCHASES: Declared(PURCHASES, 3, {"retention.ms": "1000"})})
    administration = Administration(cluster(settings))
    assert len(administration.check()) == len(right)
    assert f"{USERS} is missing" in administration.check()
    wrong.apply()
    assert f"{PURCHASES} has 3 partitions, declared 8" in administration.check()
    assert any("retention.ms is 1000" in told for told in administration.check())
    with pytest.raises(UsageError, match=r"3 partitions.*make the topic anew"):
        administration.apply()
    assert [f"{PURCHASES} has 3 partitions, declared 8"] == administration.check()
    wrong._call(lambda client: client.delete_topics([cluster(settings).physical(PURCHASES)]))
    until(lambda: f"{PURCHASES} is missing" in administration.check())
    administration.apply()
    assert administration.apply() == administration.check() == []
    administration.remove()
    for one in (administration, wrong):
        one.close()


def test_a_dead_letter_replayed_twice_is_handled_as_an_event_that_is_known(bus):
    bus.publish([Message(USERS, b"acme|u1", b"poison")])
    handled = []
    bus.subscribe("graph", [USERS], each(lambda e: handled.append(e.id), bus=bus, group="graph", patience=QUICK))
    until(lambda: len(list_dead_letters(bus, USERS)) == 1)
    [letter] = list_dead_letters(bus, USERS)
    for _ in range(2):
        replay(bus, [letter.id], shop="acme", value=event("mended").value)
    until(lambda: handled == ["mended", "mended"])
