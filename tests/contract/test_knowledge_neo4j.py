"""Neo4j's own trials: several writers at once, rebuilt beside them, killed in mid-write, wiped, hung."""

import json
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from contract.graphs_ground import counted_as_filled
from neo4j import GraphDatabase
from servers.neo4j import PASSWORD

from shared.bus.port import Position
from shared.contracts.events import Kind
from shared.errors import ConflictError, TransientError, UnavailableError
from shared.history.port import Entry
from shared.knowledge import neo4j_text
from shared.knowledge.neo4j import Neo4jKnowledge
from shared.knowledge.neo4j_driver import ContendedError
from shared.knowledge.neo4j_text import generations_in
from shared.knowledge.projection import complete, digest, fold

pytestmark = pytest.mark.servers


def at(offset: int, partition: int = 0) -> Position:
    return Position("log", "commerce.purchases.v1", partition, offset)


def bought(number: int, user: str, products: list[str], **facts) -> Entry:
    """Tell something new of products and shop each time, so that every writer writes the same nodes."""
    facts = facts or {"brand": f"Brand {number % 3}", "categories": ["Grocery", f"Shelf {number % 5}"]}
    lines = [{"product_id": one, "quantity": "1", "unit_price": "1.5", **facts} for one in products]
    data = json.dumps({"user_id": user, "currency": "EUR", "lines": lines}).encode()
    return Entry("s", Kind.PURCHASE, f"b{number}", "", at(0), user, None, 1_000 + number, "", data)


def batches(partition: int, count: int, size: int = 10) -> list[list[Entry]]:
    chance = random.Random(partition)  # noqa: S311 (the same each time)
    numbers = iter(range(partition * 10_000, partition * 10_000 + count * size))
    products = [f"p{n}" for n in range(12)]
    return [
        [bought(next(numbers), f"u{partition}-{chance.randrange(4)}", chance.sample(products, 3)) for _ in range(size)]
        for _ in range(count)
    ]


def offered(knowledge: Neo4jKnowledge, delta, position: Position) -> None:
    """Do as the bus does: offer the same again until it is taken."""
    for _ in range(50):
        try:
            knowledge.apply(fold(delta), [position])
        except TransientError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("never taken")


def in_the_graph(url: str, query: str) -> list[dict]:
    with GraphDatabase.driver(url.replace(f"neo4j:{PASSWORD}@", ""), auth=("neo4j", PASSWORD)) as driver:
        return [dict(row) for row in driver.execute_query(query).records]


def test_writers_of_the_same_nodes_lose_and_double_nothing(opened):
    opened().load([], [])
    work = {partition: batches(partition, 4) for partition in range(4)}

    def write(partition: int) -> None:
        knowledge = opened()
        for offset, batch in enumerate(work[partition]):
            offered(knowledge, batch, at(offset, partition))

    with ThreadPoolExecutor(len(work)) as pool:
        list(pool.map(write, work))
    everything = fold([entry for parts in work.values() for batch in parts for entry in batch])
    assert digest(complete(everything)) == digest(opened().rows("s"))
    assert [at(3, partition) for partition in work] == opened().watermarks()


def test_writers_of_the_same_edges_lose_and_double_nothing(opened):
    """A key that names another than the user, or partitions added, part a person's purchases."""
    opened().load([], [])
    events = {partition: [bought(partition * 100 + n, "u", ["p", "q"]) for n in range(12)] for partition in range(4)}

    def write(partition: int) -> None:
        knowledge = opened()
        for offset, event in enumerate(events[partition]):
            offered(knowledge, [event], at(offset, partition))

    with ThreadPoolExecutor(len(events)) as pool:
        list(pool.map(write, events))
    everything = fold([event for parts in events.values() for event in parts])
    assert digest(complete(everything)) == digest(opened().rows("s"))


def test_what_another_wrote_between_reading_and_writing_is_kept(opened, monkeypatch):
    events = [bought(1, "u", ["p"]), bought(2, "u", ["p"], brand="Acme"), bought(3, "v", ["p"], name="Peas")]
    writer, other = opened(), opened()
    offered(writer, events[:1], at(0))
    read = writer._held

    def read_while_another_writes(table, group):
        found = read(table, group)
        if table.kind == "product":
            monkeypatch.undo()
            offered(other, events[2:], at(0, 1))
        return found

    monkeypatch.setattr(writer, "_held", read_while_another_writes)
    writer.apply(fold(events[1:2]), [at(1)])
    assert dict(complete(fold(events))) == dict(other.rows("s"))


@pytest.mark.parametrize("partition", [0, 1], ids=["one known", "one that is begun"])
def test_who_compares_waits_for_what_was_looked_at_before_its_commit(opened, partition):
    """Whoever erases a person marks them, then mends: a batch that saw no mark must have ended by then."""
    offered(opened(), batches(0, 1)[0], at(0, 0))
    looking, seen, comparing = opened(), threading.Event(), threading.Event()

    def look() -> None:
        seen.set()
        assert comparing.wait(20)
        time.sleep(1)  # they would be through by now

    def compare() -> list[Position]:
        assert seen.wait(20)
        comparing.set()
        other = opened()
        return other.alone(other.watermarks)

    with ThreadPoolExecutor(2) as pool:
        found = pool.submit(compare)
        looking.apply(fold(batches(1, 1)[0]), [at(7, partition)], look)
        assert at(7, partition) in found.result()


def test_of_two_workers_on_one_partition_one_is_refused(opened):
    opened().load([], [])
    start = threading.Barrier(2)

    def write(knowledge: Neo4jKnowledge) -> str:
        start.wait()
        try:
            knowledge.apply(fold(batches(0, 1)[0]), [at(9)])
        except ConflictError:
            return "refused"
        return "applied"

    with ThreadPoolExecutor(2) as pool:
        assert ["applied", "refused"] == sorted(pool.map(write, [opened(), opened()]))
    assert digest(complete(fold(batches(0, 1)[0]))) == digest(opened().rows("s"))


def test_a_writer_elsewhere_goes_on_in_the_rebuilt_graph_and_the_old_one_is_gone(opened, empty_neo4j_url):
    first, second = batches(0, 2)
    writer = opened()
    offered(writer, first, at(0))
    rebuilt = opened().load(complete(fold(first)), [at(0)])
    assert {"s": digest(writer.rows("s"))} == rebuilt
    offered(writer, second, at(1))
    assert digest(complete(fold([*first, *second]))) == digest(opened().rows("s"))
    labels = {row["label"] for row in in_the_graph(empty_neo4j_url, "MATCH (n) UNWIND labels(n) AS label RETURN label")}
    assert {label.rpartition("_")[2] for label in labels} == {"Generation", "g2"}


def test_a_batch_that_was_begun_before_a_switch_is_done_again_after_it(opened, monkeypatch):
    writer, other = opened(), opened()
    offered(writer, batches(0, 1)[0], at(0))
    hold = writer.engine.hold

    def switched_meanwhile(kind, rows):
        monkeypatch.undo()
        other.load(complete(fold(batches(0, 1)[0])), [at(0)])
        return hold(kind, rows)

    monkeypatch.setattr(writer.engine, "hold", switched_meanwhile)
    writer.apply(fold(batches(1, 1)[0]), [at(0, 1)])
    assert digest(complete(fold(batches(0, 1)[0] + batches(1, 1)[0]))) == digest(other.rows("s"))


def test_a_rebuild_that_another_overtook_does_not_count(opened):
    slow, quick = opened(), opened()
    generation = slow.engine.fresh()
    quick.load(complete(fold(batches(0, 1)[0])), [at(0)])
    with pytest.raises(UnavailableError, match="another process"):
        slow.engine.switch(generation)
    assert quick.watermarks() == [at(0)]


def test_what_interrupted_rebuilds_have_left_is_swept(opened, empty_neo4j_url):
    one = opened()
    one.load(complete(fold(batches(0, 1)[0])), [at(0)])
    left = one.engine.fresh()
    one._fill(left, complete(fold(batches(1, 1)[0])))  # and then its process was killed
    opened().load(complete(fold(batches(0, 1)[0])), [at(0)])
    labels = {row["label"] for row in in_the_graph(empty_neo4j_url, "MATCH (n) UNWIND labels(n) AS label RETURN label")}
    assert {"Generation", f"g{left + 1}"} == {label.rpartition("_")[2] for label in labels}
    assert [left + 1] == generations_in(one.engine.connection.names_of_indexes())
    assert digest(complete(fold(batches(0, 1)[0]))) == digest(one.rows("s"))


def test_a_generation_larger_than_one_statement_removes_is_removed(opened, empty_neo4j_url, monkeypatch):
    monkeypatch.setattr(neo4j_text, "_SWEPT", 3)
    one = opened()
    one.load(complete(fold(batches(0, 1)[0])), [at(0)])
    one.load(complete(fold(batches(1, 1)[0])), [at(0, 1)])
    left = one.engine.pointer().number
    told = "MATCH (n) WHERE NOT n:Generation UNWIND labels(n) AS label RETURN DISTINCT label"
    labels = {row["label"] for row in in_the_graph(empty_neo4j_url, told)}
    assert {f"g{left}"} == {label.rpartition("_")[2] for label in labels}


def test_who_has_the_graph_alone_mends_what_nobody_changes_meanwhile(opened):
    first, second = batches(0, 2)
    one, other = opened(), opened()
    offered(one, first, at(0))
    order = []

    def write() -> None:
        offered(other, second, at(1))
        order.append("written")

    def mend() -> None:
        writing.start()
        writing.join(1.0)
        one.mend("s", list(one.rows("s"))[:1], [])
        order.append("mended")

    writing = threading.Thread(target=write)
    one.alone(mend)
    writing.join()
    assert ["mended", "written"] == order
    assert digest(complete(fold([*first, *second]))) == digest(one.rows("s"))


def test_who_begins_a_partition_waits_for_who_is_alone(opened):
    one, begins = opened(), opened()
    offered(one, batches(0, 1)[0], at(0))

    with ThreadPoolExecutor(1) as pool:

        def look() -> list[Position]:
            begun.append(pool.submit(offered, begins, batches(1, 1)[0], at(0, 1)))
            time.sleep(1)
            return one.watermarks()

        begun = []
        assert [at(0)] == one.alone(look)
        begun[0].result()
    assert [at(0), at(0, 1)] == one.watermarks()


def test_an_edge_cannot_stand_twice(opened, empty_neo4j_url):
    knowledge = opened()
    offered(knowledge, batches(0, 1)[0], at(0))
    row = {"times": [1], "quantity": 1, "spend": 1, "refunded": 0, "returned": 0, "currency": "EUR"}
    ends = in_the_graph(empty_neo4j_url, "MATCH (a)-[:PURCHASED]->(b) RETURN a.uid AS source, b.uid AS target LIMIT 1")
    with pytest.raises(ContendedError), knowledge.engine.transaction():
        knowledge.engine.run("create_purchased", {"rows": [ends[0] | row]})


def test_a_wiped_graph_says_so_instead_of_knowing_nobody_and_grows_again(opened, empty_neo4j_url):
    knowledge = opened()
    knowledge.load(complete(fold(batches(0, 1)[0])), [at(0)])
    assert knowledge.status()["needs_rebuild"] is False
    in_the_graph(empty_neo4j_url, "MATCH (n) DETACH DELETE n")
    assert (knowledge.status()["needs_rebuild"], knowledge.watermarks()) == (True, [])
    with pytest.raises(UnavailableError):
        knowledge.users("s")
    knowledge.load(complete(fold(batches(0, 1)[0])), [at(0)])
    assert digest(complete(fold(batches(0, 1)[0]))) == digest(knowledge.rows("s"))


@pytest.mark.slow
def test_what_was_committed_outlives_a_kill_in_mid_write_and_a_hung_server_is_unavailable(start_server):
    server = start_server("neo4j")
    knowledge = counted_as_filled(Neo4jKnowledge(server.url))
    work = batches(0, 40)
    acknowledged = []

    def write() -> None:
        for offset, batch in enumerate(work):
            try:
                knowledge.apply(fold(batch), [at(offset)])
            except UnavailableError:
                return
            acknowledged.append(offset)

    writer = threading.Thread(target=write)
    writer.start()
    while len(acknowledged) < 5:
        time.sleep(0.01)
    server.kill()
    writer.join()
    server.start()
    (held,) = knowledge.watermarks()
    assert acknowledged[-1] <= held.offset <= acknowledged[-1] + 1
    assert digest(complete(fold([e for batch in work[: held.offset + 1] for e in batch]))) == digest(
        knowledge.rows("s")
    )
    server.send(signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(UnavailableError, match="does not answer"):
        knowledge.users("s")
    assert time.monotonic() - began < 15
    server.send(signal.SIGCONT)
    knowledge.close()


@pytest.mark.parametrize("kind", ["user", "product", "interest", "shop", "watermark"])
def test_who_holds_a_node_keeps_others_waiting_until_the_transaction_ends(opened, empty_neo4j_url, kind):
    one, other = opened(), opened()
    offered(one, batches(0, 1)[0], at(0))
    label = kind.title()
    order = []

    def held(knowledge: Neo4jKnowledge) -> None:
        with knowledge.engine.transaction():
            knowledge.engine.hold(kind, rows)
            order.append("held")

    parts = {"log": "log", "topic": "commerce.purchases.v1", "partition": 0}
    generation = one.engine.pointer().number
    uids = in_the_graph(empty_neo4j_url, f"MATCH (n:{label}_g{generation}) RETURN n.uid AS uid ORDER BY uid LIMIT 1")
    rows = [uids[0] | parts]
    with one.engine.transaction():
        one.engine.hold(kind, rows)
        waiting = threading.Thread(target=held, args=(other,))
        waiting.start()
        waiting.join(1.0)
        order.append("released")
    waiting.join()
    assert order == ["released", "held"]
