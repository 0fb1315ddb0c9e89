"""Folds the ledger into the rows of a graph: most of it while events flow, what has come since while they wait."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Protocol

from shared.bus.port import Position
from shared.courtesy import considerate
from shared.erasures import ERASURES
from shared.history.port import Entry, History, every
from shared.knowledge.projection import Delta, Rows, drain, project
from shared.knowledge.rows import add

Progress = Callable[[str, int], None]  # what is being done, and how many entries or rows of it
Covered = Callable[[Entry], bool]
Deltas = dict[str, Delta]  # shop → its rows

_MARKS = 1_000  # erasures read at a time
_STEP, _ROWS = 5_000, 10_000  # entries, and rows, between two words about progress
_SLACK = 50_000  # numbers: of several recorders at once one may show its entries after others with greater numbers


def quietly(_: str, __: int) -> None:
    """Show no progress."""


def telling(rows: Rows, what: str, progress: Progress) -> Rows:
    """Yield rows on, with a word about progress now and then."""
    for count, row in enumerate(rows, 1):
        if count % _ROWS == 1:
            progress(what, count)
        yield row


def unheeded(_: Entry) -> None:
    """Do nothing more with an entry."""


class Ledger(Protocol):
    """The ledger, read beforehand, so that little is left to read while events wait."""

    def read(self, watermarks: Sequence[Position]) -> None:
        """Read up to these watermarks; what lies beyond them is left for later."""

    def rows(self, watermarks: Sequence[Position]) -> Rows:
        """Yield the whole graph's rows up to these watermarks, letting go of each: the last that is asked."""


class Folding:
    """Implements `Ledger` in this process.

    `memory` gives what changes with an erasure; `heed` is called for every entry. What comes late of an erased person
    stands in the ledger for a moment: it does not count.
    """

    def __init__(
        self,
        history: History,
        memory: Callable[[], object],
        *,
        shop: str | None = None,
        progress: Progress = quietly,
        heed: Callable[[Entry], None] = unheeded,
    ) -> None:
        """Begin with nothing read."""
        self._history, self._ask_memory, self._shop = history, memory, shop
        self._progress, self._heed = progress, heed
        self._memory: object = None
        self._watermarks: tuple[Position, ...] = ()
        self._left, self._last = sys.maxsize, 0
        self._deltas: Deltas = {}
        self._begin()

    def read(self, watermarks: Sequence[Position]) -> None:
        """Read up to these watermarks; what lies beyond them is left for later."""
        self.up_to(watermarks)

    def up_to(self, watermarks: Sequence[Position]) -> Deltas:
        """Return the rows up to these watermarks, by shop. What lies beyond them is left for the next call.

        The ledger is read anew if it was made to forget since, or if the graph was set back.
        """
        if self._memory != self._ask_memory() or not reaches(watermarks, self._watermarks):
            self._begin()
        covered, before = within(watermarks), within(self._watermarks)
        since = min(self._left, max(self._last - _SLACK, 0))
        self._left, self._watermarks = sys.maxsize, tuple(watermarks)
        self._fold(since, covered, before)
        return self._deltas

    def rows(self, watermarks: Sequence[Position]) -> Rows:
        """Yield the whole graph's rows up to these watermarks, letting go of each: the last that is asked."""
        return chain.from_iterable(drain(delta) for delta in self.up_to(watermarks).values())

    def _begin(self) -> None:
        self._memory, self._watermarks = self._ask_memory(), ()
        self._left, self._last, self._deltas = sys.maxsize, 0, {}
        self._erased = dict(_erased_before(self._history, self._shop))

    def _fold(self, after: int, covered: Covered, before: Covered) -> None:
        for count, (number, entry) in enumerate(considerate(self._history.replay(self._shop, after)), 1):
            self._last = max(self._last, number)
            if entry.at >= self._erased.get((entry.shop, entry.user_id), entry.at):
                self._heed(entry)
                if not covered(entry):
                    self._left = min(self._left, number - 1)
                elif not before(entry):
                    add(self._deltas.setdefault(entry.shop, {}), project(entry))
            if count % _STEP == 0:
                self._progress("reading the ledger", count)


def _erased_before(history: History, shop: str | None) -> Iterator[tuple[tuple[str, str | None], int]]:
    """Yield until when (ms) each person who was ever erased is forgotten, by shop and user."""
    for mark in every(lambda token: history.find(ERASURES, shop, page_token=token, page_size=_MARKS)):
        yield (mark.shop, mark.id), int(mark.body["before"])


def events_under(watermarks: Sequence[Position]) -> int:
    """Return how many records of the log lie at or under the watermarks."""
    return sum(mark.offset + 1 for mark in watermarks)


def within(watermarks: Sequence[Position]) -> Covered:
    """Cover the entries at or under the watermarks; what is beyond is still to come."""
    held = _offsets(watermarks)

    def covered(entry: Entry) -> bool:
        origin = entry.origin
        return origin.offset <= held.get((origin.log, origin.topic, origin.partition), -1)

    return covered


def _offsets(watermarks: Sequence[Position]) -> Mapping[tuple[str, str, int], int]:
    return {(at.log, at.topic, at.partition): at.offset for at in watermarks}


def reaches(now: Sequence[Position], before: Sequence[Position]) -> bool:
    """Say whether every watermark is where it was before, or further."""
    held = _offsets(now)
    return all(held.get(place, -1) >= offset for place, offset in _offsets(before).items())
