"""One generation of the embedded graph: a LadybugDB file with its schema, a pool of readers and one writer."""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ladybug

from shared.errors import TastegraphError, UnavailableError
from shared.knowledge.execution import execute
from shared.knowledge.ladybug_kept import Kept
from shared.knowledge.tables import COMMUNITY, DERIVED, EDGES, LABELS, NODES, DerivedTable, Table

FORMAT = 4
_FILE = "graph.lbug"
_OPENING = "OPENING"  # stands while the file is being opened: an open that kills the process is seen the next time
_SEAL = "SEAL"  # written on closing: what the file's bytes were, so that any byte changed at rest is seen on opening
_WORN = "WORN"  # the engine ran out of memory while it wrote: what it says of the file afterwards may be wrong
_ATTEMPTS = 2
_LOCKED = "Could not set lock"
# Bringing the log into the file holds everyone up (seconds, measured while neighbours are refreshed): do it seldom.
_CHECKPOINT_BYTES = 64 << 20
_LEAVING = 30.0  # seconds that those who are reading have to leave


class DamagedError(TastegraphError):
    """A generation cannot be trusted; the message says why."""


class Generation:
    """Reads run on pooled connections, writes on one; `retire` closes it all when the last reader is done."""

    def __init__(self, directory: Path, memory_mb: int) -> None:
        self.directory = directory
        self.number = int(directory.name.removeprefix("gen-"))
        self._database = ladybug.Database(
            str(directory / _FILE), buffer_pool_size=memory_mb << 20, checkpoint_threshold=_CHECKPOINT_BYTES
        )
        self._idle: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._users = 0
        self._retired = False
        self.writer = ladybug.Connection(self._database)
        self.complete = False
        self.kept = Kept()

    @classmethod
    def create(cls, directory: Path, memory_mb: int) -> Generation:
        """Make an empty generation; it counts as incomplete until `finish`."""
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        generation = cls(directory, memory_mb)
        for statement in _schema():
            execute(generation.writer, statement)
        parameters = {"format": FORMAT, "generation": generation.number}
        execute(
            generation.writer,
            "CREATE (:Marker {uid: 'marker', format: $format, generation: $generation, complete: 0})",
            parameters,
        )
        return generation

    @classmethod
    def open(cls, directory: Path, memory_mb: int) -> Generation:
        """Open a generation and look at its marker.

        Raises:
            DamagedError: it is missing, cannot be opened, or is not what its marker should say.
            UnavailableError: another process has it open.
        """
        if not (directory / _FILE).is_file():
            raise DamagedError(f"{directory.name} has no graph file")
        if (directory / _WORN).exists():
            raise DamagedError(f"the memory for {directory.name} was used up while it was written")
        _check_seal(directory)
        with _attempt(directory):
            try:
                generation = cls(directory, memory_mb)
                marker = execute(generation.writer, "MATCH (m:Marker) RETURN m.format AS f, m.complete AS c")
            except (RuntimeError, UnavailableError, MemoryError) as error:
                if _LOCKED in str(error):
                    raise UnavailableError(f"another process has the graph of {directory.name} open") from error
                raise DamagedError(f"{directory.name} cannot be opened: {str(error)[:200]}") from error
        if len(marker) != 1 or marker[0]["f"] != FORMAT:
            generation.retire()
            raise DamagedError(f"{directory.name} has no marker of format {FORMAT}")
        generation.complete = bool(marker[0]["c"])
        return generation

    def finish(self) -> None:
        """Mark the generation complete and bring all of it into the file."""
        execute(self.writer, "MATCH (m:Marker) SET m.complete = 1")
        self.complete = True
        self.checkpoint()

    def wear_out(self) -> None:
        """Note, durably, that the generation must be replaced: after its memory was used up, closing can spoil it."""
        (self.directory / _WORN).touch()
        sync(self.directory)

    def checkpoint(self) -> None:
        """Bring all that was committed into the one file."""
        execute(self.writer, "CHECKPOINT")

    @contextlib.contextmanager
    def reader(self) -> Iterator[Any]:
        """Lend a connection for reading; the generation stays open meanwhile.

        Raises:
            UnavailableError: the generation is closed.
        """
        with self._changed:
            if self._retired:
                raise UnavailableError("the graph is closed")
            self._users += 1
        connection = None
        try:
            connection = self._take()
            yield connection
        finally:
            if connection is not None:
                self._idle.put(connection)
            with self._changed:
                self._users -= 1
                self._changed.notify_all()

    def retire(self) -> None:
        """Let no new reader in, wait for those that are reading, close, and seal the files."""
        self._close()
        if self.directory.is_dir():
            (self.directory / _SEAL).write_text(fingerprint(self.directory))

    def _close(self) -> None:
        with self._changed:
            self._retired = True
            self._changed.wait_for(lambda: self._users == 0, _LEAVING)
        while not self._idle.empty():
            self._idle.get().close()
        self.writer.close()
        self._database.close()

    def abandon(self) -> None:
        """As `retire`, for a generation that is not opened again: without a seal, its log not brought into its file.

        To bring it there takes up to 0.2 s, in which the engine holds Python's lock.
        """
        with contextlib.suppress(UnavailableError):  # of a worn one; it closes all the same
            execute(self.writer, "CALL force_checkpoint_on_close = false")
        self._close()

    def _take(self) -> Any:
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            return ladybug.Connection(self._database, num_threads=1)  # to wake others takes longer than a small read


@contextlib.contextmanager
def _attempt(directory: Path) -> Iterator[None]:
    """Count attempts to open: a file that takes the process down with it must not do so for ever."""
    note = directory / _OPENING
    attempts = int(note.read_text() or 0) if note.exists() else 0
    if attempts >= _ATTEMPTS:
        raise DamagedError(f"{directory.name} has stopped the process {attempts} times while being opened")
    note.write_text(str(attempts + 1))
    try:
        yield
    except UnavailableError:
        note.unlink(missing_ok=True)
        raise
    note.unlink()


def fingerprint(directory: Path) -> str:
    """Return the SHA-256 over a closed generation's files (the graph, and its log if one was left)."""
    total = hashlib.sha256()
    for path in sorted(directory.glob(f"{_FILE}*")):
        with path.open("rb") as file:
            total.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def _check_seal(directory: Path) -> None:
    seal = directory / _SEAL
    if not seal.exists():
        return  # it was not closed in order: its own log brings it back, and `verify` looks at what it says
    if seal.read_text() != fingerprint(directory):
        raise DamagedError(f"the file of {directory.name} is not what it was when it was closed")
    seal.unlink()


def sync(path: Path) -> None:
    """Make a file or directory durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _schema() -> Iterator[str]:
    for node in NODES:
        columns = [(name, type_) for name, type_, _ in node.derived]
        properties = ", ".join(f"{name} {type_}" for name, type_ in (*node_head(node), *node.columns, *columns))
        yield f"CREATE NODE TABLE {node.label}({properties}, PRIMARY KEY(uid))"
    yield f"CREATE NODE TABLE {COMMUNITY.label}(uid STRING, shop STRING, id STRING, PRIMARY KEY(uid))"
    edges: list[Table | DerivedTable] = [*EDGES, *DERIVED.values()]
    for edge in edges:
        ends = f"FROM {LABELS[edge.source]} TO {LABELS[edge.target]}"
        yield f"CREATE REL TABLE {edge.label}({', '.join([ends, *(f'{n} {t}' for n, t in edge.columns)])})"
    yield (
        "CREATE NODE TABLE Watermark(uid STRING PRIMARY KEY, log STRING, topic STRING, partition INT64, position INT64)"
    )
    yield "CREATE NODE TABLE Marker(uid STRING PRIMARY KEY, format INT64, generation INT64, complete INT64)"


def node_head(node: Table) -> tuple[tuple[str, str], ...]:
    """Return the properties that name a node, in the table's order (a shop's id is its shop)."""
    names = ("uid", "shop") if node.kind == "shop" else ("uid", "shop", "id")
    return tuple((name, "STRING") for name in names)
