"""The graph beside its ledger: what differs is named and mended, and a copy brought back catches up."""

from __future__ import annotations

import pytest
from unit.graph_ground import bought, graph, published, times

from services.graph.handlers import project
from services.graph.rebuild import repair, restore, snapshot, verify


@pytest.fixture
def ports(tmp_path):
    with graph(tmp_path) as one:
        yield one


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
