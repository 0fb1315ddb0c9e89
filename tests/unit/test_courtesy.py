"""Background work gives way to whoever is being answered, and is never held up for good."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import shared.courtesy
from services.embedded.preparing import Job, prepared
from services.embedded.sources import Item, Source
from services.graph.folding import Folding
from shared.bus.dispatch import batches
from shared.bus.port import Message, Position, Record
from shared.bus.sqlite import SqliteBus
from shared.clock import SystemClock
from shared.contracts.events import Kind
from shared.contracts.topics import USERS
from shared.courtesy import Courtesy, answering, considerate
from shared.decisions import decided
from shared.history.port import Entry
from shared.history.sqlite import SqliteHistory
from shared.knowledge.bulk import gathered
from shared.knowledge.derived import _present
from shared.knowledge.insight import Insight, Parameters
from shared.knowledge.rows import Link, digest
from shared.knowledge.writing import Writing

LONG = 60.0  # seconds: longer than any test waits for what does happen, be the disk ever so busy
FILE = Path("items.ndjson")
JOB = Job("shop", "purchases", FILE, {}, {})
ITEMS = Source(FILE, 1, 1, lambda _: iter([Item(1, {}, "no item")]))


class Work(threading.Thread):
    """Background work of a few pieces, which tells of each."""

    def __init__(self, pieces: Any) -> None:
        super().__init__(daemon=True)
        self.pieces, self.begun, self.done = pieces, threading.Event(), 0

    def run(self) -> None:
        self.begun.set()
        for _ in self.pieces:
            self.done += 1

    def begin(self) -> int:
        """Begin; return how many pieces were done within a moment."""
        self.start()
        self.begun.wait(LONG)
        self.join(0.05)
        return self.done

    def end(self) -> int:
        """Wait for the end; return how many pieces were done."""
        self.join(LONG)
        return self.done


def test_no_piece_is_begun_while_somebody_is_answered() -> None:
    courtesy = Courtesy(longest=LONG)
    work = Work(courtesy.considerate(range(3)))
    with courtesy.answering():
        assert work.begin() == 0
    assert work.end() == 3


def test_of_two_who_are_answered_the_last_one_lets_work_go_on() -> None:
    courtesy = Courtesy(longest=LONG)
    work = Work(courtesy.considerate(range(3)))
    with courtesy.answering():
        with courtesy.answering():
            work.start()
            work.begun.wait(LONG)
        work.join(0.05)
        assert work.done == 0
    assert work.end() == 3


def test_endless_answering_does_not_hold_work_up_for_good() -> None:
    courtesy = Courtesy(longest=0.001)
    work = Work(courtesy.considerate(range(100)))
    with courtesy.answering():
        work.start()
        assert work.end() == 100


def test_an_answer_that_fails_lets_work_go_on() -> None:
    courtesy = Courtesy(longest=LONG)
    with pytest.raises(RuntimeError), courtesy.answering():
        raise RuntimeError
    work = Work(courtesy.considerate(range(3)))
    work.start()
    assert work.end() == 3


def test_pieces_come_in_order_and_none_is_lost() -> None:
    assert list(Courtesy().considerate(iter("abc"))) == ["a", "b", "c"]


def test_another_process_is_told_while_it_works_for_this_one() -> None:
    courtesy, told = Courtesy(), SimpleNamespace(value=0)
    with courtesy.answering(), courtesy.telling(told):
        assert told.value == 1
    assert told.value == 1  # nobody looks any more
    with courtesy.telling(told):
        assert told.value == 0
        with courtesy.answering():
            with courtesy.answering():
                assert told.value == 1
            assert told.value == 1
        assert told.value == 0


def test_no_piece_is_begun_while_the_process_it_is_done_for_answers() -> None:
    courtesy, answers = Courtesy(longest=LONG), SimpleNamespace(value=1)
    courtesy.heed(answers)
    work = Work(courtesy.considerate(range(3)))
    assert work.begin() == 0
    answers.value = 0
    assert work.end() == 3


def test_nor_does_its_endless_answering_hold_work_up_for_good() -> None:
    courtesy = Courtesy(longest=0.001)
    courtesy.heed(SimpleNamespace(value=1))
    work = Work(courtesy.considerate(range(100)))
    work.start()
    assert work.end() == 100


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared.courtesy._courtesy, "_longest", LONG)


def held_up(task: Callable[[], Any]) -> bool:
    """Say whether a task, done within moments when nobody is answered, waits while somebody is."""
    working = threading.Thread(target=task, daemon=True)
    with answering():
        working.start()
        working.join(0.1)
        waits = working.is_alive()
    working.join(LONG)
    assert not working.is_alive()
    return waits


@pytest.mark.usefixtures("patient")
def test_the_ledger_the_bus_and_proofs_give_way(tmp_path: Path) -> None:
    with closing(SqliteHistory(tmp_path / "history.db")) as history, closing(SqliteBus(tmp_path / "bus.db")) as bus:
        place = Position("log", USERS, 0, 0)
        entry = Entry("shop", Kind.USER, "1", "digest", place, "ann", None, 0, "user", b"{}")
        assert held_up(lambda: history.record([entry], [place]))
        assert history.watermarks() == [place]
        record = Record(place, Message(USERS, b"ann", b"{}"), 0)
        heard: list[Any] = []
        assert held_up(lambda: batches(heard.extend, bus=bus, group="test")([record]))
        assert [record] == [one.record for one in heard]
        assert held_up(lambda: digest([(("about", "shop", "a", "b"), Link())]))
        assert not held_up(bus.close)


class Told(Writing):
    """A graph with one edge of each kind, which an engine tells of."""

    def __init__(self) -> None:
        edge = {"source": "milk", "target": "dairy", "times": [1]}
        engine: Any = SimpleNamespace(stream=lambda *_: iter([edge]), run=lambda *_: [{"uid": "milk"}])
        self.engine = engine


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(
    "task",
    [
        lambda: Told().abouts("shop"),
        lambda: Told().purchases("shop"),
        lambda: gathered([(("about", "shop", "milk", "dairy"), Link())]),
        lambda: _present(Told().engine, "product", {"milk"}),
        lambda: list(prepared(JOB, ITEMS, 0, SystemClock().now)),
    ],
    ids=["interests", "purchases", "columns", "nodes", "items"],
)
def test_refreshing_rebuilding_and_importing_give_way(task: Callable[[], Any]) -> None:
    assert held_up(task)


@pytest.mark.usefixtures("patient")
def test_reading_the_ledger_gives_way(tmp_path: Path) -> None:
    with closing(SqliteHistory(tmp_path / "history.db")) as history:
        place = Position("log", USERS, 0, 0)
        history.record([Entry("shop", Kind.USER, "1", "digest", place, "ann", None, 0, "user", b"{}")], [place])
        assert held_up(lambda: Folding(history, lambda: None).read([]))


class Watched:
    """A graph that says how far background work came while it was asked."""

    def __init__(self, work: Work) -> None:
        self.work = work

    def insight(self, shop: str, user_id: str, at: int | None) -> Insight:
        self.seen = self.work.begin()
        return Insight(
            shop=shop,
            user_id=user_id,
            at=at or 0,
            known=False,
            traits={},
            locale=None,
            consent=None,
            bought=(),
            interests=(),
            reactions=(),
            candidates=(),
            parameters=Parameters(),
            refreshed_at=0,
        )


class NoDocuments:
    """Documents without any."""

    def get(self, *_: str) -> None:
        return None


def test_the_process_gives_way_while_it_decides_what_to_offer() -> None:
    work = Work(considerate(range(3)))
    graph: Any = Watched(work)
    documents: Any = NoDocuments()
    insight, offered = decided("shop", "ann", graph, documents, now=SystemClock().now())
    assert (graph.seen, insight.user_id, offered.user_id) == (0, "ann", "ann")
    assert work.end() == 3
