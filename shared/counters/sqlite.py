"""Counters whose values outlive the process: a small SQLite file behind this process's memory."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from shared.counters.memory import MemoryCounters
from shared.logs import logger

_MEGABYTES = 256
_SWEEP_SECONDS = 60.0
_FULLEST = 0.9  # of what may be kept, after the oldest had to go

_SETTINGS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",  # a killed process loses nothing; a power cut the last moments, which is allowed
    "PRAGMA journal_size_limit=16777216",
    "PRAGMA secure_delete=ON",  # an answer may be about a person
)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, value BLOB NOT NULL, expires_at REAL NOT NULL) WITHOUT ROWID
"""
_INDEX = "CREATE INDEX IF NOT EXISTS kept_by_end ON kept (expires_at)"
_GET = "SELECT value FROM kept WHERE key = ? AND expires_at > ?"
_PUT = "INSERT OR REPLACE INTO kept VALUES (?, ?, ?)"
_EXPIRED = "DELETE FROM kept WHERE expires_at <= ?"
_SIZE = "SELECT coalesce(sum(length(value)), 0), count(*) FROM kept"
_OLDEST = "DELETE FROM kept WHERE key IN (SELECT key FROM kept ORDER BY expires_at LIMIT ?)"

_log = logger("counters")


class SqliteCounters(MemoryCounters):
    """Implements `shared.counters.port.Counters` for one process. What was put is there after a restart.

    What was only added is a claim of this process, and ends with it; so is all else that memory keeps. When the file
    cannot be read or written, memory stands in, and the log says so. `timer` tells seconds since the epoch.
    """

    def __init__(self, path: Path, max_bytes: int = _MEGABYTES << 20, timer: Callable[[], float] = time.time) -> None:
        super().__init__(timer=timer)
        self._path, self._max_bytes, self._time = path, max_bytes, timer
        self._file_lock = threading.Lock()
        self._file = self._opened()
        self._swept_at = timer()
        self._sweep(self._swept_at)

    def get(self, key: str) -> bytes | None:
        """Return a value, or none when it is unknown or has expired."""
        found = super().get(key)
        if found is not None:
            return found
        rows = self._asked(_GET, (key, self._time()))
        return bytes(rows[0][0]) if rows else None

    def put(self, key: str, value: bytes, ttl: float) -> None:
        """Keep a value for `ttl` seconds, also beyond this process's life.

        Raises:
            InvalidInputError: the value alone is larger than all that memory may keep.
        """
        super().put(key, value, ttl)
        now = self._time()
        self._asked(_PUT, (key, value, now + ttl))
        if now - self._swept_at >= _SWEEP_SECONDS:
            self._swept_at = now
            self._sweep(now)

    def add(self, key: str, value: bytes, ttl: float) -> bool:
        """Keep a value while this process lives, only if there is none; say whether it was kept. Atomic.

        Raises:
            InvalidInputError: the value alone is larger than all that may be kept.
        """
        if self._asked(_GET, (key, self._time())):
            return False
        return super().add(key, value, ttl)  # a put of another thread stands in memory before it is in the file

    def close(self) -> None:
        """Let go of the file; what was put stays in it."""
        super().close()
        with self._file_lock:
            self._file.close()

    def _sweep(self, now: float) -> None:
        """Delete what has expired, and the oldest of what is too much."""
        self._asked(_EXPIRED, (now,))
        for size, count in self._asked(_SIZE):
            if size > self._max_bytes:
                self._asked(_OLDEST, (round(count * (1 - _FULLEST * self._max_bytes / size)) + 1,))

    def _asked(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        try:
            with self._file_lock:
                return self._file.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            _log.warning("counters.file-away", error=type(error).__name__)
            return []

    def _opened(self) -> sqlite3.Connection:
        """Return the file; one that cannot be read is begun anew, for it holds nothing that may not be lost."""
        with suppress(sqlite3.DatabaseError):
            return _connected(self._path)
        _log.warning("counters.file-damaged", path=self._path.name)
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        return _connected(self._path)


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        for statement in (*_SETTINGS, _SCHEMA, _INDEX):
            connection.execute(statement)
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection
