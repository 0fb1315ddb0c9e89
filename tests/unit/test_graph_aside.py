"""A large ledger is read in a process of its own: the same rows come of it, whatever happens to that process."""

from __future__ import annotations

import multiprocessing
from contextlib import closing
from dataclasses import replace
from functools import partial

import pytest
from unit.graph_ground import bought, erased, graph, published, times, updated

from services.graph import aside, backfill
from services.graph.handlers import project
from services.graph.rebuild import following, rebuild, verify
from shared.errors import UnavailableError
from shared.history.sqlite import SqliteHistory


@pytest.fixture
def ports(tmp_path, monkeypatch):
    monkeypatch.setattr(aside, "_LARGE", 0)
    file = tmp_path / "history.db"
    with graph(tmp_path) as ports, closing(SqliteHistory(file)) as history:
        yield replace(ports, history=history, reopen=partial(SqliteHistory, file))


def take_in(ports, *envelopes) -> None:
    project(published(ports, *envelopes), ports)


def unreadable():
    raise UnavailableError("the file is gone")


def test_a_graph_filled_from_what_another_process_read_is_what_the_ledger_tells(ports):
    take_in(ports, *(bought(str(n), f"u{n % 7}", f"p{n % 5}", name="Tea – 茶") for n in range(60)))
    assert rebuild(ports).equal
    assert verify(ports).equal


def test_what_comes_while_the_process_reads_is_told_too(ports):
    backfill.begin(ports)
    take_in(ports, bought("1"))
    with following(ports) as ledger:
        ledger.read(ports.history.watermarks())
        take_in(ports, bought("2"))
        backfill.end(ports, ledger=ledger)
    assert times(ports) == 2
    assert verify(ports).equal
    assert not multiprocessing.active_children()


def test_contacts_that_the_ledger_tells_of_are_kept(ports):
    take_in(ports, updated("1", "ann@example.com"))
    ports.history.delete("contacts", "shop", "ann")
    rebuild(ports)
    assert ports.history.get("contacts", "shop", "ann").body["email"] == "ann@example.com"


def test_who_was_erased_after_the_process_had_read_is_not_told(ports):
    take_in(ports, bought("1", days=2), bought("2", "bob"))
    with following(ports) as ledger:
        ledger.read(ports.history.watermarks())
        take_in(ports, erased())
        told = {key for key, _ in ledger.rows(ports.history.watermarks())}
    assert ("user", "shop", "bob") in told
    assert ("user", "shop", "ann") not in told


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_process_that_was_ended_is_replaced_by_reading_here(ports, moment):
    take_in(ports, bought("1"))
    with following(ports) as ledger:
        if moment == "after":
            ledger.read(ports.history.watermarks())
        [child] = multiprocessing.active_children()
        child.kill()
        child.join()
        told = {key for key, _ in ledger.rows(ports.history.watermarks())}
    assert ("purchased", "shop", "ann", "milk") in told


def test_a_process_that_cannot_read_is_replaced_by_reading_here(ports):
    take_in(ports, bought("1"))
    with following(replace(ports, reopen=unreadable)) as ledger:
        told = {key for key, _ in ledger.rows(ports.history.watermarks())}
    assert ("purchased", "shop", "ann", "milk") in told


def test_a_small_ledger_is_not_worth_a_process(ports, monkeypatch):
    monkeypatch.setattr(aside, "_LARGE", 3)
    take_in(ports, bought("1"))
    with following(ports, more=1):
        few = multiprocessing.active_children()
    with following(ports, more=2):
        many = multiprocessing.active_children()
    assert (0, 1) == (len(few), len(many))
