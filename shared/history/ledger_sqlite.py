"""The embedded ledger: each event once, what became of its repeats, and how far every log has been dealt with."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from shared.bus.port import Position
from shared.clock import Clock, SystemClock, to_ms
from shared.contracts.events import Kind
from shared.courtesy import considerate
from shared.history import analytics_sqlite
from shared.history.port import Conflict, Entry, Outcome, Page
from shared.history.store import Store
from shared.history.tokens import page_bound, place_in, token_for

# An erased entry is a row without data: its id and digest still tell a repeat. Rows are never deleted, so that
# sequence numbers only grow. Few logs share an offset, so an index on it alone finds a position.
SCHEMA = """
CREATE TABLE IF NOT EXISTS ledger (
    seq INTEGER PRIMARY KEY,
    shop TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, digest TEXT NOT NULL,
    log TEXT NOT NULL, topic TEXT NOT NULL, part INTEGER NOT NULL, off INTEGER NOT NULL,
    user_id TEXT, product_id TEXT, at INTEGER NOT NULL, type TEXT NOT NULL,
    data BLOB, erased INTEGER NOT NULL DEFAULT 0,
    UNIQUE (shop, kind, id)
);
CREATE INDEX IF NOT EXISTS ledger_by_shop ON ledger (shop);
CREATE INDEX IF NOT EXISTS ledger_by_offset ON ledger (off);
CREATE INDEX IF NOT EXISTS ledger_by_user ON ledger (shop, user_id, at);
CREATE TABLE IF NOT EXISTS repeats (
    off INTEGER NOT NULL, part INTEGER NOT NULL, topic TEXT NOT NULL, log TEXT NOT NULL, outcome TEXT NOT NULL,
    PRIMARY KEY (off, part, topic, log)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS quarantine (
    number INTEGER PRIMARY KEY,
    stands INTEGER NOT NULL REFERENCES ledger (seq), shop TEXT NOT NULL,
    log TEXT NOT NULL, topic TEXT NOT NULL, part INTEGER NOT NULL, off INTEGER NOT NULL,
    user_id TEXT, at INTEGER NOT NULL, data BLOB, seen_at INTEGER NOT NULL,
    UNIQUE (log, topic, part, off)
);
CREATE INDEX IF NOT EXISTS quarantine_by_user ON quarantine (shop, user_id);
CREATE TABLE IF NOT EXISTS watermarks (
    log TEXT NOT NULL, topic TEXT NOT NULL, part INTEGER NOT NULL, off INTEGER NOT NULL,
    PRIMARY KEY (log, topic, part)
) WITHOUT ROWID;
"""

_ADD = """
INSERT INTO ledger (shop, kind, id, digest, log, topic, part, off, user_id, product_id, at, type, data)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (shop, kind, id) DO NOTHING
"""
_HELD = "SELECT seq, digest, log, topic, part, off, erased FROM ledger WHERE shop = ? AND kind = ? AND id = ?"
_QUARANTINE = """
INSERT INTO quarantine (stands, shop, log, topic, part, off, user_id, at, data, seen_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (log, topic, part, off) DO NOTHING
"""
_ADVANCE = """
INSERT INTO watermarks (log, topic, part, off) VALUES (?, ?, ?, ?)
ON CONFLICT (log, topic, part) DO UPDATE SET off = excluded.off WHERE excluded.off > off
"""
_REPLAY = """
SELECT seq, shop, kind, id, digest, log, topic, part, off, user_id, product_id, at, type, data
FROM ledger WHERE seq > :after AND data IS NOT NULL {of_shop} ORDER BY seq LIMIT :limit
"""
# One step of the index per shop, however many entries each has.
_SHOPS = """
WITH RECURSIVE found (shop) AS (
    SELECT min(shop) FROM ledger
    UNION ALL SELECT (SELECT min(shop) FROM ledger WHERE shop > found.shop) FROM found WHERE found.shop IS NOT NULL
) SELECT shop FROM found WHERE shop IS NOT NULL
"""
_CONFLICTS = """
SELECT q.number, l.shop, l.kind, l.id, l.data, q.data, q.log, q.topic, q.part, q.off, q.seen_at
FROM quarantine q JOIN ledger l ON l.seq = q.stands
WHERE q.number < :before AND q.data IS NOT NULL AND (:shop IS NULL OR q.shop = :shop)
ORDER BY q.number DESC LIMIT :limit
"""
_FORGET = """
UPDATE ledger SET data = NULL, user_id = NULL, product_id = NULL, erased = 1
WHERE shop = ? AND user_id = ? AND at < ?
"""
_FORGET_QUARANTINED = "UPDATE quarantine SET data = NULL, user_id = NULL WHERE shop = ? AND user_id = ? AND at < ?"

_CHUNK = 500
_NEWEST = 2**63 - 1


class SqliteLedger:
    """Implements `shared.history.port.Ledger`."""

    def __init__(self, store: Store, clock: Clock | None = None) -> None:
        self._store = store
        self._clock = clock or SystemClock()

    def record(self, entries: Sequence[Entry], watermarks: Sequence[Position] = ()) -> list[Outcome]:
        """Record entries in order, and that everything up to and including the watermarks has been dealt with.

        A watermark never goes back. A conflicting content is quarantined once per origin.

        Raises:
            UnavailableError: nothing was recorded.
        """
        seen_at = to_ms(self._clock.now())
        with self._store.write() as db:
            outcomes = [_record(db, entry, seen_at) for entry in considerate(entries)]
            new = [entry for entry, outcome in zip(entries, outcomes, strict=True) if outcome is Outcome.NEW]
            analytics_sqlite.insert(db, new, seen_at)
            db.executemany(_ADVANCE, [_place(position) for position in watermarks])
        return outcomes

    def known(self, shop: str, kind: Kind, ids: Iterable[str]) -> dict[str, str]:
        """Return the digest of each of these events that the ledger holds, erased ones included.

        Raises:
            UnavailableError: the file does not answer.
        """
        sql = "SELECT id, digest FROM ledger WHERE shop = ? AND kind = ? AND id IN (SELECT value FROM json_each(?))"
        return dict(self._store.rows(sql, (shop, kind.value, json.dumps(list(ids)))))

    def replay(self, shop: str | None = None, after: int = 0) -> Iterator[tuple[int, Entry]]:
        """Yield every accepted entry and its sequence number (> after) in order of recording; erased ones are gone.

        Entries are fetched as they are asked for, so what is recorded or erased meanwhile may show; no lock is held.

        Raises:
            UnavailableError: the file does not answer.
        """
        sql = _REPLAY.format(of_shop="" if shop is None else "AND shop = :shop")
        while rows := self._store.rows(sql, {"shop": shop, "after": after, "limit": _CHUNK}):
            for row in rows:
                yield row[0], _entry(row)
            after = rows[-1][0]

    def watermarks(self) -> list[Position]:
        """Return, per log, topic and partition, the last position dealt with.

        Raises:
            UnavailableError: the file does not answer.
        """
        return [Position(*row) for row in self._store.rows("SELECT log, topic, part, off FROM watermarks")]

    def shops(self) -> list[str]:
        """Return the shops that have entries, erased ones included.

        Raises:
            UnavailableError: the file does not answer.
        """
        return [shop for (shop,) in self._store.rows(_SHOPS)]

    def conflicts(self, shop: str | None, *, page_token: str = "", page_size: int = 100) -> Page[Conflict]:
        """Return quarantined contents, newest first; empty bytes stand for a content since erased.

        Raises:
            InvalidInputError: the token is none of ours, or belongs to another shop.
            UnavailableError: the file does not answer.
        """
        question, size = ("conflicts", shop), page_bound(page_size)
        (before,) = place_in(question, page_token, 1) if page_token else (_NEWEST,)
        rows = self._store.rows(_CONFLICTS, {"shop": shop, "before": before, "limit": size + 1})
        shown = rows[:size]
        token = token_for(question, shown[-1][:1]) if len(rows) > size else ""
        return Page(tuple(map(_conflict, shown)), token)

    def outcomes(self, origins: Sequence[Position]) -> dict[Position, Outcome]:
        """Return what became of the records at these positions (absent: not dealt with yet, or not an event).

        Raises:
            UnavailableError: the file does not answer.
        """
        found: dict[Position, Outcome] = {}
        waiting = iter(origins)
        while chunk := set(islice(waiting, _CHUNK)):
            found |= {position: outcome for position, outcome in self._outcomes(chunk) if position in chunk}
        return found

    def erase(self, shop: str, user_id: str, before: int) -> int:
        """Forget the user's entries from before a moment (ms), quarantined contents and what was derived included.

        Ids and digests stay, so that replays have no effect. Returns how many entries were forgotten.

        Raises:
            UnavailableError: nothing was forgotten.
        """
        with self._store.write() as db:
            analytics_sqlite.forget(db, shop, user_id, before)
            db.execute(_FORGET_QUARANTINED, (shop, user_id, before))
            return db.execute(_FORGET, (shop, user_id, before)).rowcount

    def _outcomes(self, origins: Iterable[Position]) -> Iterator[tuple[Position, Outcome]]:
        """Yield what became of these records, and of others with the same offsets."""
        offsets = json.dumps([position.offset for position in origins])
        rows = self._store.rows(
            "SELECT log, topic, part, off, 'new' FROM ledger WHERE off IN (SELECT value FROM json_each(:offsets))"
            " UNION ALL SELECT log, topic, part, off, outcome FROM repeats"
            " WHERE off IN (SELECT value FROM json_each(:offsets))",
            {"offsets": offsets},
        )
        for *place, outcome in rows:
            yield Position(*place), Outcome(outcome)


def _record(db: sqlite3.Connection, entry: Entry, seen_at: int) -> Outcome:
    place = _place(entry.origin)
    about = (entry.user_id, entry.product_id, entry.at, entry.type, entry.data)
    name = (entry.shop, entry.kind.value, entry.id)
    if db.execute(_ADD, (*name, entry.digest, *place, *about)).rowcount:
        return Outcome.NEW
    stands, digest, *first_place, erased = db.execute(_HELD, name).fetchone()
    if tuple(first_place) == place:
        return Outcome.REDELIVERED
    outcome = Outcome.DUPLICATE if digest == entry.digest else Outcome.CONFLICT
    db.execute(
        "INSERT OR IGNORE INTO repeats (log, topic, part, off, outcome) VALUES (?, ?, ?, ?, ?)", (*place, outcome)
    )
    if outcome is Outcome.CONFLICT:
        # Who was erased does not come back by way of another content under the same id.
        kept = (None, entry.at, None) if erased else (entry.user_id, entry.at, entry.data)
        db.execute(_QUARANTINE, (stands, entry.shop, *place, *kept, seen_at))
    return outcome


def _place(position: Position) -> tuple[str, str, int, int]:
    return position.log, position.topic, position.partition, position.offset


def _entry(row: tuple[Any, ...]) -> Entry:
    _, shop, kind, id_, digest, log, topic, part, off, *about = row
    return Entry(shop, Kind(kind), id_, digest, Position(log, topic, part, off), *about)


def _conflict(row: tuple[Any, ...]) -> Conflict:
    _, shop, kind, id_, stands, quarantined, log, topic, part, off, seen_at = row
    return Conflict(shop, Kind(kind), id_, stands or b"", quarantined, Position(log, topic, part, off), seen_at)
