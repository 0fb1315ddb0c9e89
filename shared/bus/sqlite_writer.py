"""The one thread that appends to the embedded bus: whatever waits meanwhile shares its next transaction."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue

from shared.bus.port import Message, Position
from shared.bus.sqlite_log import LogFile, connect, pack_headers, unavailable_on_error
from shared.clock import Clock, to_ms
from shared.errors import OutcomeUnknownError, UnavailableError
from shared.logs import logger

_JOBS_A_TRANSACTION = 512
# At COMMIT these say that the commit record was not written; any other error leaves it open whether it was.
_NOTHING_WRITTEN = frozenset({"SQLITE_FULL", "SQLITE_BUSY"})

_log = logger("bus")

Item = tuple[str, bytes, bytes | None, str]  # topic, key, value, packed headers


@dataclass(slots=True)
class _Job:
    items: list[Item]
    done: Future[list[Position]] = field(default_factory=Future)


class LogWriter:
    """Appends messages and keeps groups' offsets, in as few transactions as the callers' concurrency allows.

    Calls `announce` with the topics that have grown, after each commit.
    """

    def __init__(self, file: LogFile, clock: Clock, announce: Callable[[set[str]], None]) -> None:
        self._file = file
        self._clock = clock
        self._announce = announce
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._offsets: dict[tuple[str, str], int] = {}
        self._closed = False
        with unavailable_on_error("opening"):
            self._db = connect(file.path)
        self._thread = threading.Thread(target=self._run, name="bus-writer", daemon=True)
        self._thread.start()

    def append(self, messages: Sequence[Message]) -> list[Position]:
        """Append messages in one transaction; on return they are on the disk.

        Raises:
            UnavailableError: nothing was taken.
            OutcomeUnknownError: the disk failed during the commit.
        """
        return self._submit(messages).result()

    def advance(self, group: str, topic: str, following: int) -> None:
        """Note the first offset that a group has not finished; it is written soon, and may be lost by a power cut."""
        with self._lock:
            self._offsets[group, topic] = following
        with suppress(UnavailableError):  # closing writes what was noted
            self._submit(())

    def flush(self) -> None:
        """Return when what was noted before has been written.

        Raises:
            UnavailableError: it could not be written; it stays noted.
        """
        self._submit(()).result()

    def close(self) -> None:
        """Write what waits, and let go of the file; whoever appends later gets UnavailableError."""
        with self._lock:
            already, self._closed = self._closed, True
        if not already:
            self._jobs.put(None)
            self._thread.join()

    def _submit(self, messages: Sequence[Message]) -> Future[list[Position]]:
        job = _Job([(m.topic, m.key, m.value, pack_headers(m.headers)) for m in messages])
        with self._lock:
            if self._closed:
                raise UnavailableError("the bus is closed")
            self._jobs.put(job)
        return job.done

    def _run(self) -> None:
        going_on = True
        while going_on:
            jobs, going_on = self._gather()
            self._write(jobs)
        self._db.close()

    def _gather(self) -> tuple[list[_Job], bool]:
        """Wait for a job, then take all that have come meanwhile; also say whether more may follow."""
        jobs: list[_Job] = []
        while not jobs or (len(jobs) < _JOBS_A_TRANSACTION and not self._jobs.empty()):
            job = self._jobs.get()
            if job is None:
                return jobs, False
            jobs.append(job)
        return jobs, True

    def _write(self, jobs: Sequence[_Job]) -> None:
        with self._lock:
            offsets, self._offsets = self._offsets, {}
        try:
            taken = self._transaction(jobs, offsets)
        except Exception as error:  # noqa: BLE001 (this thread must live on, and every caller must hear of it)
            self._rollback()
            self._give_back(offsets)
            self._refuse(jobs, error)
            return
        for job, positions in zip(jobs, taken, strict=True):
            job.done.set_result(positions)
        if topics := {position.topic for positions in taken for position in positions}:
            self._announce(topics)

    def _give_back(self, offsets: dict[tuple[str, str], int]) -> None:
        with self._lock:
            self._offsets = offsets | self._offsets

    def _refuse(self, jobs: Sequence[_Job], error: Exception) -> None:
        _log.error("bus.write-failed", error=str(error), count=sum(len(job.items) for job in jobs))
        for job in jobs:
            # Each caller's own copy: an exception raised in several threads would mix their tracebacks.
            fresh = type(error)(*error.args)
            fresh.__cause__ = error
            job.done.set_exception(fresh)

    def _transaction(self, jobs: Sequence[_Job], offsets: dict[tuple[str, str], int]) -> list[list[Position]]:
        with_messages = any(job.items for job in jobs)
        if not with_messages and not offsets:
            return [[] for _ in jobs]
        try:
            # Offsets alone need no fsync: the next commit of messages brings them to the disk, and replay is harmless.
            self._db.execute(f"PRAGMA synchronous={'FULL' if with_messages else 'NORMAL'}")
            self._db.execute("BEGIN IMMEDIATE")
            taken = self._insert([job.items for job in jobs])
            self._note(offsets)
        except sqlite3.Error as error:
            raise UnavailableError(f"the bus took nothing: {error}") from error
        self._commit()
        return taken

    def _insert(self, batches: Sequence[Sequence[Item]]) -> list[list[Position]]:
        now = to_ms(self._clock.now())
        ends: dict[str, int] = {}
        rows: list[tuple[int, bytes, bytes | None, str, int]] = []
        taken = []
        for items in batches:
            positions = [Position(self._file.log, item[0], 0, self._next(ends, item[0])) for item in items]
            rows += [
                (self._file.place(topic, position.offset), key, value, headers, now)
                for (topic, key, value, headers), position in zip(items, positions, strict=True)
            ]
            taken.append(positions)
        self._db.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?)", rows)
        return taken

    def _next(self, ends: dict[str, int], topic: str) -> int:
        """Count offsets within this transaction, from what the file says: another process may have appended."""
        if topic not in ends:
            ends[topic] = self._file.end(self._db, topic)
        ends[topic] += 1
        return ends[topic] - 1

    def _note(self, offsets: dict[tuple[str, str], int]) -> None:
        self._db.executemany(
            "INSERT INTO offsets VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET next = max(next, excluded.next)",
            [(group, topic, following) for (group, topic), following in offsets.items()],
        )

    def _commit(self) -> None:
        try:
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorname", "") in _NOTHING_WRITTEN:
                raise UnavailableError(f"the bus took nothing: {error}") from error
            raise OutcomeUnknownError(f"the bus failed while committing: {error}") from error

    def _rollback(self) -> None:
        if self._db.in_transaction:
            with suppress(sqlite3.Error):  # SQLite has often rolled back by itself; the first error is the one told
                self._db.execute("ROLLBACK")
