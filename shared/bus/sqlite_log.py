"""The SQLite file of the embedded bus: its tables, and how records are read back from them."""

from __future__ import annotations

import json
import sqlite3
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from shared.bus.catalogue import ALL_TOPICS
from shared.bus.port import Message, Position, Record
from shared.errors import UnavailableError

_FORMAT = 1
# place = topic number × 2^40 + offset: an append goes to the end of its topic's range, a read is one range scan.
_TABLES = (
    "CREATE TABLE identity (log TEXT NOT NULL)",
    "CREATE TABLE topics (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    """CREATE TABLE records (
        place INTEGER PRIMARY KEY, key BLOB NOT NULL, value BLOB, headers TEXT NOT NULL, appended_at INTEGER NOT NULL
    )""",
    """CREATE TABLE offsets (
        consumers TEXT NOT NULL, topic TEXT NOT NULL, next INTEGER NOT NULL, PRIMARY KEY (consumers, topic)
    ) WITHOUT ROWID""",
)
_BUSY_SECONDS = 5.0
_OFFSET_BITS = 40

Headers = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True)
class LogFile:
    """An opened log: where it is, which log it is, and the number of each topic in it."""

    path: Path
    log: str
    numbers: Mapping[str, int]

    def place(self, topic: str, offset: int) -> int:
        """Return the row in which a topic's offset is kept."""
        return (self.numbers[topic] << _OFFSET_BITS) + offset

    def end(self, db: sqlite3.Connection, topic: str) -> int:
        """Return the offset that the topic's next record will get."""
        first, beyond = self.place(topic, 0), self.place(topic, 1 << _OFFSET_BITS)
        last = db.execute(
            "SELECT place FROM records WHERE place >= ? AND place < ? ORDER BY place DESC LIMIT 1", (first, beyond)
        ).fetchone()
        return last[0] - first + 1 if last else 0


def connect(path: Path) -> sqlite3.Connection:
    """Open a connection that begins and ends its transactions itself, and whose commits are on the disk."""
    db = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA page_size=16384")  # of a new file: an event of 1 to 2 kB fills a small page badly
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("PRAGMA journal_size_limit=67108864")
    return db


@contextmanager
def unavailable_on_error(doing: str) -> Iterator[None]:
    """Turn what SQLite raises into UnavailableError, with a word on what was being done."""
    try:
        yield
    except sqlite3.Error as error:
        raise UnavailableError(f"the bus's file does not answer ({doing}): {error}") from error


def open_log(path: Path) -> LogFile:
    """Open the log at a path, or make one.

    Raises:
        UnavailableError: the file is damaged, is of a newer format, or cannot be written.
    """
    with unavailable_on_error("opening"):
        db = connect(path)
        try:
            return _prepared(db, path)
        finally:
            db.close()


def _prepared(db: sqlite3.Connection, path: Path) -> LogFile:
    db.execute("BEGIN IMMEDIATE")
    (made,) = db.execute("PRAGMA user_version").fetchone()
    if made not in {0, _FORMAT}:
        raise UnavailableError(f"the bus's file has format {made}; this version reads {_FORMAT}")
    if made == 0:
        _make(db)
    db.executemany("INSERT OR IGNORE INTO topics (name) VALUES (?)", [(name,) for name in ALL_TOPICS])
    (log,) = db.execute("SELECT log FROM identity").fetchone()
    numbers = dict(db.execute("SELECT name, number FROM topics"))
    db.execute("COMMIT")
    return LogFile(path, log, numbers)


def _make(db: sqlite3.Connection) -> None:
    for table in _TABLES:
        db.execute(table)
    db.execute("INSERT INTO identity (log) VALUES (?)", (uuid.uuid4().hex,))
    db.execute(f"PRAGMA user_version={_FORMAT}")


# Most messages carry the same few headers, so both ways are remembered.
@lru_cache(maxsize=256)
def pack_headers(headers: Headers) -> str:
    """Return headers as text; Latin-1 maps every byte to one character and back."""
    return json.dumps([(name, value.decode("latin-1")) for name, value in headers])


@lru_cache(maxsize=256)
def unpack_headers(text: str) -> Headers:
    """Return the headers that `pack_headers` packed, byte for byte."""
    return tuple((name, value.encode("latin-1")) for name, value in json.loads(text))


class LogReader:
    """Reads a log over a connection of its own. Thread-safe; never waits for the writer.

    Every method raises UnavailableError when the file does not answer.
    """

    def __init__(self, file: LogFile) -> None:
        self._file = file
        self._lock = threading.Lock()
        with unavailable_on_error("opening"):
            self._db = connect(file.path)

    def read(self, topic: str, start: int, limit: int) -> list[Record]:
        """Return up to `limit` records from offset `start` on."""
        first, beyond = self._file.place(topic, max(start, 0)), self._file.place(topic, 1 << _OFFSET_BITS)
        with self._lock, unavailable_on_error("reading"):
            rows = self._db.execute(
                "SELECT place, key, value, headers, appended_at FROM records"
                " WHERE place >= ? AND place < ? ORDER BY place LIMIT ?",
                (first, beyond, limit),
            ).fetchall()
        base = self._file.place(topic, 0)
        return [
            Record(
                Position(self._file.log, topic, 0, place - base),
                Message(topic, key, value, unpack_headers(headers)),
                appended_at,
            )
            for place, key, value, headers, appended_at in rows
        ]

    def end(self, topic: str) -> int:
        """Return the offset that the next record will get."""
        with self._lock, unavailable_on_error("reading"):
            return self._file.end(self._db, topic)

    def offset(self, group: str, topic: str) -> int:
        """Return the first offset that a group has not finished."""
        with self._lock, unavailable_on_error("reading"):
            row = self._db.execute(
                "SELECT next FROM offsets WHERE consumers = ? AND topic = ?", (group, topic)
            ).fetchone()
        return row[0] if row else 0

    def close(self) -> None:
        """Let go of the connection."""
        with self._lock:
            self._db.close()
