"""The SQLite file of the embedded history: one connection that writes, and one for each thread that reads."""

from __future__ import annotations

import sqlite3
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shared.errors import UnavailableError

_FORMAT = 2
_BUSY_SECONDS = 5.0
_NO_UPGRADES: Mapping[int, str] = {}
_MISUSE = frozenset({sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISUSE, sqlite3.SQLITE_RANGE, sqlite3.SQLITE_MISMATCH})
_SETTINGS = (
    "PRAGMA page_size=8192",  # of a new file
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA wal_autocheckpoint=4096",  # 32 MiB: a page that many commits touch is copied back once
    "PRAGMA journal_size_limit=67108864",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA secure_delete=ON",  # what was erased is overwritten, too
)


class _Connection(sqlite3.Connection):
    """One that can be referred to weakly, so that it ends with its thread."""


@contextmanager
def answering(doing: str) -> Iterator[None]:
    """Turn SQLite's failures to answer into UnavailableError, with a word on what was being done.

    Misuse (a broken constraint, a wrong statement or number of parameters) stays what it is: trying again would not
    help. A full disk, a lock, an unreadable page are failures to answer.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        if _is_misuse(error):
            raise
        raise UnavailableError(f"the history's file does not answer ({doing}): {error}") from error


def _is_misuse(error: sqlite3.DatabaseError) -> bool:
    """Say whether a program's mistake caused it; SQLite tells by its primary result code (sqlite.org/rescode.html)."""
    if isinstance(error, sqlite3.IntegrityError | sqlite3.DataError | sqlite3.ProgrammingError):
        return True
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_IOERR) & 0xFF in _MISUSE


class Store:
    """A file with tables. Thread-safe; what a `write` block did is on the disk when the block is left.

    Raises:
        UnavailableError: the file is damaged, of a newer format, or cannot be written.
    """

    def __init__(self, path: Path, schema: Sequence[str], upgrades: Mapping[int, str] = _NO_UPGRADES) -> None:
        """Open a file, or make it; `upgrades` tell what a file of an older format needs beside the schema, once."""
        self._path = path
        self._lock = threading.RLock()
        self._opening = threading.Lock()
        self._threads = threading.local()
        self._open: weakref.WeakSet[_Connection] = weakref.WeakSet()
        self._closed = False
        try:
            self._writer = self._prepared(schema, upgrades)
        except UnavailableError:
            self.close()
            raise

    def read(self) -> sqlite3.Connection:
        """Return this thread's connection for reading; it sees what was committed, and begins no transaction itself.

        Raises:
            UnavailableError: the store is closed, or its file cannot be opened.
        """
        self._require_open()
        known: _Connection | None = getattr(self._threads, "connection", None)
        if known is None:
            with answering("opening to read"):
                known = self._connect()
                known.execute("PRAGMA query_only=ON")
                known.execute("PRAGMA cache_size=-4096")  # one per thread: keep them small
            self._threads.connection = known
        return known

    def rows(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
        """Return every row of a query.

        Raises:
            UnavailableError: the file does not answer.
        """
        with answering("reading"):
            return self.read().execute(sql, parameters).fetchall()

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Give this thread's connection for reading, for questions that must all see the same; not to be nested.

        Raises:
            UnavailableError: the file does not answer.
        """
        db = self.read()
        with answering("reading"):
            db.execute("BEGIN")
            try:
                yield db
            finally:
                db.execute("ROLLBACK")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Give the one connection that writes, inside a transaction; it is committed on leaving, undone on an error.

        Raises:
            UnavailableError: nothing was written.
        """
        with self._lock, answering("writing"):
            self._require_open()
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            finally:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")

    def close(self) -> None:
        """Let go of the file. Harmless twice."""
        with self._lock, self._opening:
            self._closed = True
            for connection in list(self._open):
                connection.close()

    def _require_open(self) -> None:
        if self._closed:
            raise UnavailableError("the history is closed")

    def _connect(self) -> _Connection:
        with self._opening:
            self._require_open()
            connection = sqlite3.connect(
                self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, factory=_Connection
            )
            self._open.add(connection)
        for setting in _SETTINGS:
            connection.execute(setting)
        return connection

    def _prepared(self, schema: Sequence[str], upgrades: Mapping[int, str]) -> sqlite3.Connection:
        with answering(f"opening {self._path.name}"):
            connection = self._connect()
            connection.execute("PRAGMA cache_size=-32768")
            connection.execute("BEGIN IMMEDIATE")
            (made,) = connection.execute("PRAGMA user_version").fetchone()
            if made > _FORMAT:
                raise UnavailableError(f"the history's file has format {made}; this version reads {_FORMAT}")
            script = (*schema, *(upgrades[old] for old in range(made, _FORMAT) if made and old in upgrades))
            connection.execute("ROLLBACK")
            connection.executescript(
                "\n".join(("BEGIN IMMEDIATE;", *script, f"PRAGMA user_version={_FORMAT};", "COMMIT;"))
            )
            return connection
