"""Folds a large ledger in a process of its own: another core reads it, and those who serve keep Python's lock here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import islice
from multiprocessing.connection import Connection
from typing import Any

from services.graph.bulk import in_bulk
from services.graph.folding import Folding, Ledger, Progress, events_under, quietly, reaches, unheeded
from services.graph.ports import GraphPorts
from shared.apart import apart
from shared.bus.port import Position
from shared.errors import TastegraphError, UnavailableError
from shared.history.port import Entry, History
from shared.knowledge.projection import Rows
from shared.logs import logger

_LARGE = 20_000  # events from which on a process of its own is worth its start
_AHEAD = 20_000  # events after which it reads on by itself: some of what stands is read again each time
_LOOK = 1.0  # seconds between two looks at how far the ledger has come
_BATCH = 1_000  # rows told at a time

_log = logger("graph")
_Heed = Callable[[Entry], None]


@contextmanager
def reading(
    ports: GraphPorts, *, more: int = 0, progress: Progress = quietly, heed: _Heed = unheeded
) -> Iterator[Ledger]:
    """Read the ledger meanwhile: in a process of its own if it is large, or has so many `more` events to come.

    Raises:
        UnavailableError: the history does not answer.
    """
    memory = ports.newest_erasure()
    here = Folding(ports.history, ports.newest_erasure, progress=progress, heed=heed)
    held = events_under(ports.history.watermarks())
    if ports.reopen is None or held + more < _LARGE:
        yield here
        return
    with apart("ledger", _read_aside, ports.reopen) as connection:
        yield _Aside(connection, here, memory, ports, progress, heed)


class _Aside:
    """Asks the child; what it cannot tell (it died, the ledger was made to forget) is read here after all."""

    def __init__(
        self,
        connection: Connection,
        here: Folding,
        memory: object,
        ports: GraphPorts,
        progress: Progress,
        heed: _Heed,
    ) -> None:
        self._connection, self._here, self._ports = connection, here, ports
        self._progress, self._heed = progress, heed
        self._memory, self._read, self._alive = memory, tuple(ports.history.watermarks()), True

    def read(self, watermarks: Sequence[Position]) -> None:
        if not self._has_read(watermarks):
            self._here.read(watermarks)

    def rows(self, watermarks: Sequence[Position]) -> Rows:
        if not self._has_read(watermarks):
            yield from self._here.rows(watermarks)
            return
        self._connection.send(None)
        while rows := self._next():
            yield from rows
        with suppress(EOFError):
            self._connection.recv()  # it has ended: what the rows are copied into need not find room beside it

    def _has_read(self, watermarks: Sequence[Position]) -> bool:
        """Let the child read up to here; say whether it did, and whether what it read before still counts."""
        if not self._alive or self._memory != self._ports.newest_erasure() or not reaches(watermarks, self._read):
            return False
        try:
            self._connection.send(tuple(watermarks))
            self._next()
        except (UnavailableError, BrokenPipeError, ConnectionResetError) as error:
            _log.warning("ledger.reader-lost", error=type(error).__name__)
            self._alive = False
            return False
        self._read = tuple(watermarks)
        return True

    def _next(self) -> Any:
        """Return the next answer; what the child tells on its way is passed on."""
        while True:
            while not self._connection.poll(_LOOK):
                self._progress("reading the ledger", 0)
            try:
                told = self._connection.recv()
            except EOFError:
                raise UnavailableError("the process that reads the ledger was ended") from None
            match told:
                case int():
                    self._progress("reading the ledger", told)
                case Entry():
                    self._heed(told)
                case TastegraphError():
                    raise UnavailableError(str(told))
                case _:
                    return told


def _read_aside(connection: Connection, reopen: Callable[[], History]) -> None:
    """Read on as the ledger grows, up to what is asked for, and tell all rows at the end."""

    def heed(entry: Entry) -> None:
        if entry.user_id is not None and b'"contact"' in entry.data:
            connection.send(entry)

    with suppress(EOFError, BrokenPipeError, ConnectionResetError), in_bulk():
        try:
            with closing(reopen()) as history:
                folding = Folding(history, lambda: None, progress=lambda _, count: connection.send(count), heed=heed)
                rows = folding.rows(_followed(connection, folding, history))
                while batch := list(islice(rows, _BATCH)):
                    connection.send(batch)
            connection.send([])
            os._exit(0)  # all of it is sent; to take the rest of a million rows apart takes seconds
        except TastegraphError as error:
            connection.send(error)


def _followed(connection: Connection, folding: Folding, history: History) -> Sequence[Position]:
    """Keep up with the ledger, answer each request to read, and return the last one's watermarks."""
    watermarks, reached = tuple[Position, ...](), 0
    while True:
        while not connection.poll(_LOOK):
            grown = history.watermarks()
            if (events := events_under(grown)) >= reached + _AHEAD:
                folding.read(grown)
                reached = events
        asked = connection.recv()
        if asked is None:
            return watermarks
        folding.read(watermarks := asked)
        connection.send([])
