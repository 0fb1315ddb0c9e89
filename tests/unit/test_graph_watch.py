"""A graph that serves and has lost what nobody would deliver again: found within two looks, and made good."""

from __future__ import annotations

import pytest
from unit.graph_ground import bought, graph, published, times

from services.graph.handlers import project
from services.graph.rebuild import verify
from services.graph.watch import Watch
from shared import audit
from shared.bus.port import Position


@pytest.fixture
def ports(tmp_path):
    with graph(tmp_path) as opened:
        yield opened


def watch(ports, waiting: int = 0) -> Watch:
    return Watch(ports, lambda: waiting)


def lag_behind(ports) -> None:
    """Let the log hold a purchase that the bus will not offer any more: its offsets were moved past it."""
    project(published(ports, bought("b1")), ports)
    published(ports, bought("b2"))


def test_what_the_log_holds_and_nobody_delivers_is_caught_up_at_the_second_look(ports):
    lag_behind(ports)
    looks = watch(ports)
    looks.look()
    assert 1 == times(ports)
    looks.look()
    assert 2 == times(ports)


def test_what_the_bus_has_yet_to_deliver_is_left_to_it(ports):
    lag_behind(ports)
    looks = watch(ports, waiting=1)
    looks.look()
    looks.look()
    assert 1 == times(ports)


def test_a_graph_that_was_emptied_is_rebuilt_at_the_first_look(ports, monkeypatch):
    project(published(ports, bought("b1"), bought("b2")), ports)
    ports.knowledge.mend("shop", [], [key for key, _ in ports.knowledge.rows("shop")])
    assert not verify(ports).equal
    monkeypatch.setattr(ports.knowledge.engine, "reason", "wiped")
    watch(ports).look()
    assert (2, True) == (times(ports), verify(ports).equal)
    trail = audit.trail(ports.history, "shop").items
    assert [("graph service", "graph.rebuilt")] == [(each.body["actor"], each.body["action"]) for each in trail]


def test_while_a_backfill_is_under_way_the_graph_is_behind_on_purpose(ports):
    lag_behind(ports)
    ports.backfills.under_way += 1
    looks = watch(ports)
    looks.look()
    looks.look()
    assert 1 == times(ports)


def test_an_entry_that_showed_after_a_greater_number_is_folded_in(ports, monkeypatch):
    """Of two recorders the slower one's entry appears late in the ledger, with the smaller number."""
    project(published(ports, bought("b1"), bought("b2"), bought("b3")), ports)
    replay, calls = ports.history.replay, []

    def one_shows_late(shop=None, after=0):
        calls.append(after)
        for number, entry in replay(shop, after):
            if len(calls) > 1 or entry.id != "b2":
                yield number, entry

    first = Position("log-1", "commerce.purchases.v1", 0, 0)
    monkeypatch.setattr(ports.history, "replay", one_shows_late)
    marks = iter([[first]])  # when the ledger was read first, the graph had come no further than this
    now = ports.knowledge.watermarks
    monkeypatch.setattr(ports.knowledge, "watermarks", lambda: next(marks, None) or now())
    assert verify(ports, "shop").equal
    assert 2 == len(calls)
