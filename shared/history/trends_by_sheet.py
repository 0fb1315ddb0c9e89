"""Trends added up from day sheets: whole periods, the latest first, until there are as many rows as asked for."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Any

import numpy as np
from cachetools import LRUCache

from shared.history.port import Period, TrendQuery
from shared.history.sheets import Sheet
from shared.history.sheets_sqlite import moves, names_of, sheets
from shared.history.shelving import Shelves, Shelving
from shared.history.tallies import Rows, Tally, rows_of, tallied
from shared.history.trending import bounded, key_of

_FEWEST, _MOST = 10_000, 160_000  # rows added up at once: a first try for who wants little, and a bound on memory
_TOTAL = "total"
_SHOPS = 32  # whose shelves are held in memory

_Counted = tuple[Any, ...]  # start, key, count, quantity, revenue, currency, buyers, score


class SheetTrends:
    """Answers from sheets; keeps in memory where products stand. Thread-safe."""

    def __init__(self) -> None:
        self._shelvings: LRUCache[str, Shelving] = LRUCache(_SHOPS)
        self._lock = threading.Lock()

    def counted(self, db: sqlite3.Connection, query: TrendQuery) -> list[_Counted]:
        """Return the same as `trends_sqlite.counted`, for all users; the connection is within a transaction."""
        shelves = self._shelves(db, query.shop) if query.by == "category" else None
        most = bounded(query.limit)
        found: list[_Counted] = []
        for starts, rows in _portions(sheets(db, query), query.period):
            tallies = tallied(_keyed(rows, query, shelves))
            first = tallies.first(most - len(found), by_count=query.by == "interest")
            keys = None if query.by == "interest" else _keys(db, query, shelves, first)
            found += _told(first, starts, rows.words, keys)
            if len(found) >= most:
                break
        return found[:most]

    def _shelves(self, db: sqlite3.Connection, shop: str) -> Shelves:
        with self._lock:
            shelving = self._shelvings.setdefault(shop, Shelving())
        return shelving.moved(moves(db, shop, shelving.seen))


def _portions(days: Iterable[tuple[str, Sheet]], period: Period) -> Iterator[tuple[list[str], Rows]]:
    """Yield rows of whole periods and these periods' first days, ever more at once."""
    starts: list[str] = []
    portion: list[tuple[int, Sheet]] = []
    enough = _FEWEST
    for start, within in groupby(days, key=lambda day: _start(day[0], period)):
        if sum(len(sheet) for _, sheet in portion) >= enough:
            yield starts, rows_of(portion)
            starts, portion, enough = [], [], min(2 * enough, _MOST)
        portion += [(len(starts), sheet) for _, sheet in within]
        starts.append(start)
    if portion:
        yield starts, rows_of(portion)


def _start(day: str, period: Period) -> str:
    """Return the first day of the period that a day is in; weeks begin on Monday."""
    if period == "week":
        moment = date.fromisoformat(day)
        return (moment - timedelta(days=moment.weekday())).isoformat()
    return day if period == "day" else f"{day[:7]}-01"


def _keyed(rows: Rows, query: TrendQuery, shelves: Shelves | None) -> Rows:
    """Return the rows that a question is about, under the keys that it asks for."""
    key = key_of(query)
    if shelves is not None:
        return shelves.by_level(rows, key)
    if query.by == "interest" and key is not None:
        return rows.of(np.flatnonzero(rows.word == _place(rows.words, key)))
    if query.by == "total" and key is not None and key != _TOTAL:
        return rows.of(np.arange(0))
    return rows.keyed(np.zeros_like(rows.key)) if query.by == "total" else rows


def _place(words: Sequence[str], word: str) -> int:
    return words.index(word) if word in words else -1


def _keys(
    db: sqlite3.Connection, query: TrendQuery, shelves: Shelves | None, tallies: Iterable[Tally]
) -> Mapping[int, str]:
    """Return the texts of the tallies' keys."""
    numbers = {tally.key for tally in tallies}
    if shelves is not None:
        return {number: shelves.keys[number] for number in numbers}
    return names_of(db, query.shop, numbers) if query.by == "product" else dict.fromkeys(numbers, _TOTAL)


def _told(
    tallies: Iterable[Tally], starts: Sequence[str], words: Sequence[str], keys: Mapping[int, str] | None
) -> list[_Counted]:
    """Return tallies as a question's rows, in order; without keys, the words are what was expressed."""
    if keys is None:
        expressed = sorted(tallies, key=lambda one: (one.period, -one.events, words[one.word]))
        return [
            (starts[one.period], words[one.word], one.events, 0, 0, "", one.users, one.amount / one.events)
            for one in expressed
        ]
    sold = sorted(tallies, key=lambda one: (one.period, -one.amount, keys[one.key], words[one.word]))
    return [
        (starts[one.period], keys[one.key], one.events, one.quantity, one.amount, words[one.word], one.users, None)
        for one in sold
    ]
