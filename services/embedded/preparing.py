"""Reads a file's items and makes the messages that say them: beside a small import, in a process of its own else."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from services.embedded.sources import Item, Source, open_source
from services.ingest.handlers import Ready, prepare, problem_of
from shared.apart import apart
from shared.clock import SystemClock
from shared.courtesy import considerate
from shared.errors import InvalidInputError, UnavailableError

BATCH = 250  # items per publication: one fsync each
_LARGE = 1 << 20  # bytes of a file from which on a process of its own is worth its start (half a second)


@dataclass(frozen=True, slots=True)
class Job:
    """What to read, and for whom."""

    shop: str
    kind: str
    path: Path
    columns: Mapping[str, str]
    constants: Mapping[str, str]

    def open(self) -> Source:
        """Open the file; see `open_source`."""
        return open_source(self.path, self.kind, self.columns, self.constants)


@dataclass(frozen=True, slots=True)
class Prepared:
    """An item of a file: ready to be published, or what is wrong with it and what it was."""

    row: int
    ready: Ready | None
    lines: int = 0  # of a purchase
    problem: Any = None
    value: Any = None


Batches = Generator[list[Prepared], None, None]


def prepared(job: Job, source: Source, start: int, now: Callable[[], datetime]) -> Batches:
    """Yield a file's items after a row, batch by batch, in order."""
    items = source.read(start)
    while batch := list(islice(items, BATCH)):
        moment = now()
        yield [_prepared(job, item, moment) for item in considerate(batch)]


def _prepared(job: Job, item: Item, now: datetime) -> Prepared:
    if item.error:
        return Prepared(item.row, None, problem=[{"detail": item.error}], value=item.value)
    try:
        return Prepared(item.row, prepare(job.shop, job.kind, item.value, now), len(item.value.get("lines", ())))
    except InvalidInputError as error:
        return Prepared(item.row, None, problem=problem_of(error), value=item.value)


def is_large(job: Job) -> bool:
    """Say whether a file is worth a process of its own."""
    return job.path.stat().st_size >= _LARGE


def prepared_apart(job: Job, start: int) -> Batches:
    """Yield the same from a child process, which works one batch ahead and leaves Python's lock here to the graph.

    It ends with the iteration, and by itself when this process is gone: nobody reads its pipe then.

    Raises:
        UnavailableError: the child was ended from outside.
    """
    with apart("import", _send, job, start) as batches:
        while (answer := _received(batches)) is not None:
            if isinstance(answer, Exception):
                raise answer
            yield answer


def _received(batches: Connection) -> Any:
    try:
        return batches.recv()
    except EOFError:
        raise UnavailableError("the reading process was ended; run the import again to go on") from None


def _send(batches: Connection, job: Job, start: int) -> None:
    """Send every batch, then nothing; or the error that ended the reading, to be raised over there."""
    with suppress(BrokenPipeError):
        try:
            for batch in prepared(job, job.open(), start, SystemClock().now):
                batches.send(batch)
        except BrokenPipeError:
            raise
        except Exception as error:  # noqa: BLE001 (whatever it is, it is raised in the process that imports)
            batches.send(error)
        else:
            batches.send(None)
