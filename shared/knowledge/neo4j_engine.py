"""Runs the shared statements on Neo4j, in the generation that counts."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import neo4j

from shared.errors import UnavailableError
from shared.knowledge.engine import Around
from shared.knowledge.neo4j_driver import Connection, ContendedError, answering, persistently
from shared.knowledge.neo4j_text import (
    around_of,
    constraints,
    creation_of,
    gathered,
    generations_in,
    removal,
    schema,
    text_of,
)

FORMAT = 3
UNFILLED = "the graph was never filled from the ledger, or was wiped"
_READ_SECONDS = 10.0
_WRITE_SECONDS = 120.0
_ALONE_SECONDS = 4 * 3600.0  # comparing and copying read a whole shop: nine million edges took more than ten minutes
_AT_ONCE = 12  # nodes that are asked about together
_BULK = 5_000  # edges that one statement creates


class Pointer(NamedTuple):
    """Which generation counts, in which format, and whether it was ever filled from the ledger."""

    number: int
    format: int
    complete: bool


class Neo4jEngine:
    """Runs statements on the generation that counts; see `engine.Engine`. Transactions belong to their thread.

    Another process may switch generations: reads notice within `remembers` seconds, and the old generation is removed
    after more than that; writes look anew each time.
    """

    replaces_edges = False  # 130 µs for an edge, whose name is in an index; 25 µs to set one that stands

    def __init__(self, url: str, remembers: float = 1.0) -> None:
        self.connection = Connection(url)
        self.remembers = remembers
        self._local = threading.local()
        self._pointer: Pointer | None = None
        self._looked_at = 0.0

    def run(
        self, name: str, parameters: Mapping[str, Any] | None = None, *, within: float | None = None
    ) -> list[dict[str, Any]]:
        """Run a statement and return its rows: in this thread's transaction if there is one, else on its own."""
        seconds = _READ_SECONDS if within is None else within
        text, columns = gathered(name, self._here())
        if not columns:
            return list(self._records(text, parameters, seconds))
        (found,) = self._records(text, parameters, seconds)
        return [dict(zip(columns, row, strict=True)) for row in found["rows"]]

    def around(self, names: Sequence[str], uids: Sequence[str], limit: int, within: float) -> Around:
        """Return the edges around nodes, all in one statement: each costs a way to the server and back.

        Neo4j plans a statement anew for a list of another order of magnitude, so that short ones are filled up.
        """
        text = around_of(tuple(names), self._generation())
        found: Around = {(name, uid): [] for name in names for uid in uids}
        asked = {"uids": [*uids, *[""] * (_AT_ONCE - len(uids))], "limit": limit}
        with self.connection.session(writes=False) as session:
            for row in session.run(_query(text, within), asked):
                found[row["name"], row["near"]] = [{"id": id, "weight": weight} for id, weight in row["rows"]]
        return found

    def stream(
        self, name: str, parameters: Mapping[str, Any] | None = None, within: float = _ALONE_SECONDS
    ) -> Iterator[dict[str, Any]]:
        """Run a statement and yield its rows; who wants them one by one may read the whole of a shop."""
        yield from self._records(text_of(name, self._here()), parameters, within)

    def _here(self) -> int:
        """Return the generation of this thread's transaction, or else where it reads."""
        if getattr(self._local, "transaction", None) is None:
            return self._generation()
        return int(self._local.generation)

    def _records(self, text: str, parameters: Mapping[str, Any] | None, within: float) -> Iterator[dict[str, Any]]:
        transaction = getattr(self._local, "transaction", None)
        if transaction is None:
            with self.connection.session(writes=False) as session:
                yield from map(dict, session.run(_query(text, within), dict(parameters or {})))
            return
        with answering():
            yield from map(dict, transaction.run(text, dict(parameters or {})))

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Open this thread's write transaction, in the generation that counts now; an error inside undoes all of it."""
        if self.is_alone:
            yield  # kept with all that is done alone
            return
        with self._transaction_in(None):
            yield

    @property
    def is_alone(self) -> bool:
        """Say whether this thread has the graph for itself."""
        return bool(getattr(self._local, "alone", False))

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Open this thread's transaction and let nobody else move a watermark until it ends.

        Raises:
            ContendedError: a generation was switched to just now.
        """
        with self._transaction_in(None, _ALONE_SECONDS):
            self._hold_all()
            if self._read_pointer() != self._pointer:
                raise ContendedError("the graph was rebuilt just now")
            self._local.alone = True
            try:
                yield
            finally:
                self._local.alone = False

    @contextlib.contextmanager
    def filling(self, generation: int) -> Iterator[None]:
        """Open this thread's write transaction in a generation that does not count yet."""
        with self._transaction_in(generation):
            yield

    @contextlib.contextmanager
    def looking_at(self, generation: int) -> Iterator[None]:
        """Let this thread's reads go to a generation that does not count yet."""
        self._local.looks_at = generation
        try:
            yield
        finally:
            self._local.looks_at = None

    def check_filled(self) -> None:
        """Refuse to be read while the generation that counts was never filled: the server was wiped, say."""
        self._generation()
        if self._pointer is not None and not self._pointer.complete:
            raise UnavailableError(UNFILLED)

    def near(self, shop: str, user_id: str) -> None:
        """Return none: the statements are the quickest way."""

    def hold(self, kind: str, rows: Sequence[Mapping[str, Any]]) -> bool:
        """Lock nodes, or edges, in a fixed order; who held them before was waited for, so they are to be read again.

        Raises:
            ContendedError: a generation was switched to meanwhile.
        """
        held = self.run(f"hold_{kind}", {"rows": sorted(rows, key=lambda row: str(row["uid"]))})
        if any(row["is_new"] for row in held):
            self.run("hold_generation")  # nobody else sees a watermark that is begun: those who hold all wait here
        if kind == "watermark" and self._local.looks_again and self._read_pointer() != self._pointer:
            raise ContendedError("the graph was rebuilt just now")
        return True

    def bulk(self, label: str, columns: Mapping[str, Sequence[Any]], types: Sequence[str]) -> None:
        """Create many derived edges at once, in this thread's transaction."""
        del types  # Neo4j takes them from the values
        rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        text = creation_of(label, self._local.generation)
        with answering():
            for start in range(0, len(rows), _BULK):
                self._local.transaction.run(text, {"rows": rows[start : start + _BULK]}).consume()

    def pointer(self) -> Pointer:
        """Return which generation counts, read anew; there is one afterwards."""
        found = self._look()
        while found is None:
            persistently(self._begin)
            found = self._look()
        self._pointer, self._looked_at = found, time.monotonic()
        return found

    def fresh(self) -> int:
        """Make an empty generation beside the one that counts; return its number."""
        self.pointer()
        with self._transaction_in(0):
            (number,) = (row["number"] for row in self.run("new_generation"))
        persistently(partial(self._make, number))
        return int(number)

    def switch(self, generation: int) -> None:
        """Make a filled generation the one that counts, once those who write to the old one have finished.

        Raises:
            UnavailableError: a later generation counts already.
        """
        with self.transaction():
            self._hold_all()
            if not self.run("switch_generation", {"number": generation, "format": FORMAT}):
                raise UnavailableError("another process has rebuilt the graph meanwhile")
        self.pointer()
        time.sleep(self.remembers * 1.5)  # readers elsewhere still look at the old one
        self.sweep()

    def sweep(self) -> None:
        """Remove every generation before the one that counts: none of them can ever count again."""
        counts = self.pointer().number
        for number in generations_in(self.connection.names_of_indexes()):
            if number < counts:
                self.remove(number)

    def remove(self, generation: int) -> None:
        """Remove a generation that does not count."""
        self.connection.each(removal(generation))
        self.connection.clear(constraints(generation))

    def close(self) -> None:
        """Let go of the connections."""
        self.connection.close()

    @contextlib.contextmanager
    def _transaction_in(self, generation: int | None, seconds: float = _WRITE_SECONDS) -> Iterator[None]:
        if getattr(self._local, "transaction", None) is not None:
            raise RuntimeError("a transaction is open in this thread already")
        number = self.pointer().number if generation is None else generation
        with (
            self.connection.session(writes=True) as session,
            session.begin_transaction(timeout=seconds) as transaction,
        ):
            self._local.transaction, self._local.generation = transaction, number
            self._local.looks_again = generation is None
            try:
                yield
                transaction.commit()
            finally:
                self._local.transaction = None

    def _hold_all(self) -> None:
        """Let nobody move a watermark, or begin one, until the transaction ends."""
        self.run("hold_generation")
        self.run("hold_watermarks")

    def _generation(self) -> int:
        """Return where this thread reads."""
        looks_at: int | None = getattr(self._local, "looks_at", None)
        if looks_at is not None:
            return looks_at
        if self._pointer is None or time.monotonic() - self._looked_at > self.remembers:
            return self.pointer().number
        return self._pointer.number

    def _look(self) -> Pointer | None:
        with self.connection.session(writes=False) as session:
            return _pointer_in(session.run(_query(text_of("the_generation", 0), _READ_SECONDS)))

    def _read_pointer(self) -> Pointer | None:
        with answering():
            return _pointer_in(self._local.transaction.run(text_of("the_generation", 0)))

    def _begin(self) -> None:
        """Begin with an empty generation, which says that it must be filled; others may begin at the same moment."""
        number = 1 if self._pointer is None else self._pointer.number + 1  # it was wiped while we were at work
        self._make(number)
        with self._transaction_in(0):
            self.run("first_generation", {"number": number, "format": FORMAT})

    def _make(self, generation: int) -> None:
        """Make what a generation's nodes and edges need; what somebody has left half made is in its way."""
        self.connection.clear(constraints(generation))
        self.connection.each(schema(generation))


def _pointer_in(result: Iterable[neo4j.Record]) -> Pointer | None:
    """Return what the statement found; a node that is deleted while it is read is found, and says nothing."""
    rows = [dict(row) for row in result]
    found = rows[0] if rows and rows[0]["number"] is not None else None
    return Pointer(found["number"], found["format"], bool(found["complete"])) if found else None


def _query(text: str, seconds: float) -> neo4j.Query:
    return neo4j.Query(text, timeout=seconds)
