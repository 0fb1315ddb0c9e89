"""The connection to Neo4j: made at the first call, bounded in time, its errors in our words."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import neo4j
from neo4j.exceptions import ConstraintError, DriverError, IncompleteCommit, Neo4jError, TransientError

from shared.errors import OutcomeUnknownError, UnavailableError, UsageError
from shared.knowledge.engine import CutShortError

_OPTIONS: dict[str, Any] = {
    "connection_acquisition_timeout": 5.0,
    "connection_timeout": 3.0,
    "liveness_check_timeout": 30.0,
    "max_transaction_retry_time": 5.0,
    "notifications_min_severity": "OFF",
    "user_agent": "tastegraph",
}
T = TypeVar("T")
_DATABASE = "neo4j"
_MADE_MEANWHILE = (  # by a process that began with us, or half made by one that was ended
    "Neo.ClientError.Schema.EquivalentSchemaRuleAlreadyExists",
    "Neo.ClientError.Schema.IndexWithNameAlreadyExists",
    "Neo.DatabaseError.Schema.IndexDropFailed",
)
_OWNED_BY_NONE = "SHOW INDEXES YIELD name, owningConstraint WHERE owningConstraint IS NULL RETURN name"
_TIMED_OUT = "Neo.ClientError.Transaction.TransactionTimedOut"
_DEFECTS = ("Neo.ClientError.Statement.",)


class ContendedError(UnavailableError):
    """Another writer was in the way; the same again may well succeed."""


@contextmanager
def answering() -> Iterator[None]:
    """Turn the driver's errors into ours; a statement that is wrong stays an error of its own."""
    try:
        yield
    except IncompleteCommit as error:
        raise OutcomeUnknownError("Neo4j went away while committing") from error
    except Neo4jError as error:
        if (ours := _ours(error)) is None:
            raise
        raise ours from error
    except (DriverError, OSError) as error:
        raise UnavailableError(f"Neo4j does not answer: {type(error).__name__}") from error


def _ours(error: Neo4jError) -> UnavailableError | None:
    """Return our word for what Neo4j says; a statement that is wrong has none."""
    code = error.code or ""
    if code.startswith(_TIMED_OUT):
        return CutShortError("Neo4j took too long")
    if isinstance(error, TransientError | ConstraintError) or code in _MADE_MEANWHILE:
        return ContendedError(f"Neo4j: {code}")
    return None if code.startswith(_DEFECTS) else UnavailableError(f"Neo4j: {code}")


class Connection:
    """A driver's sessions. Thread-safe; connects at the first call, after any fork."""

    def __init__(self, url: str) -> None:
        """Take `bolt://USER:PASSWORD@HOST:PORT/DATABASE` (or `neo4j:`, `bolt+s:`, `neo4j+s:` for TLS).

        Raises:
            UsageError: the URL names no host.
        """
        parts = urlsplit(url)
        if not parts.hostname:
            raise UsageError("TASTEGRAPH_KNOWLEDGE_URL names no host")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        query = f"?{parts.query}" if parts.query else ""
        self._address = f"{parts.scheme}://{host}:{parts.port or 7687}{query}"
        self._auth = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        self._database = parts.path.strip("/") or _DATABASE
        self._lock = threading.Lock()
        self._driver: neo4j.Driver | None = None
        self._closed = False

    @contextmanager
    def session(self, *, writes: bool) -> Iterator[neo4j.Session]:
        """Give a session, and turn its errors into ours.

        Raises:
            UnavailableError: Neo4j does not answer, or the connection is closed.
            ContendedError: another writer was in the way.
        """
        mode = neo4j.WRITE_ACCESS if writes else neo4j.READ_ACCESS
        with answering(), self._opened().session(database=self._database, default_access_mode=mode) as session:
            yield session

    def each(self, texts: Iterator[str]) -> None:
        """Run statements that manage their own transactions and are harmless twice: schema, removal.

        One that says how much is `done` is repeated until nothing is.

        Raises:
            ContendedError: other processes that began at the same moment were in the way, again and again.
        """
        for text in texts:
            while persistently(partial(self._do, text)):
                pass

    def names_of_indexes(self) -> list[str]:
        """Return what the database's indexes are called."""
        with self.session(writes=False) as session:
            return [str(row["name"]) for row in session.run("SHOW INDEXES YIELD name")]

    def clear(self, names: Collection[str]) -> None:
        """Remove those of these indexes that no constraint owns.

        Neo4j makes the index of a constraint first. Is the connection cut then, it keeps the index by itself one time
        in three, and makes no constraint of that name again. One that is being made now is waited for, and stays.
        """
        with self.session(writes=False) as session:
            found = [str(row["name"]) for row in session.run(_OWNED_BY_NONE)]
        for name in sorted(set(names).intersection(found)):
            with suppress(ContendedError):  # it was made meanwhile
                self._do(f"DROP INDEX {name} IF EXISTS")

    def _do(self, text: str) -> int:
        with self.session(writes=True) as session:
            return sum(record.get("done", 0) for record in session.run(neo4j.Query(text)))

    def close(self) -> None:
        """Let go of the connections. Harmless twice."""
        with self._lock:
            self._closed = True
            if self._driver is not None:
                self._driver.close()

    def _opened(self) -> neo4j.Driver:
        with self._lock:
            if self._closed:
                raise UnavailableError("the graph is closed")
            if self._driver is None:
                self._driver = neo4j.GraphDatabase.driver(self._address, auth=self._auth, **_OPTIONS)
            return self._driver


def persistently(act: Callable[[], T], attempts: int = 6) -> T:
    """Return what comes of what is harmless twice, done again and again while others are in the way.

    Raises:
        ContendedError: they were, each time.
    """
    pause = threading.Event()
    for attempt in range(attempts - 1):
        try:
            return act()
        except ContendedError:
            pause.wait(0.02 * 2**attempt)
    return act()
