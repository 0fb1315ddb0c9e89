"""Runs statements on LadybugDB's generations under one directory; `CURRENT` names the one that counts."""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow as pa

from shared.clock import monotonic
from shared.errors import UnavailableError
from shared.knowledge.bulk import arrow
from shared.knowledge.dialect import creation
from shared.knowledge.engine import Around
from shared.knowledge.execution import USED_UP, execute, limited, stream
from shared.knowledge.generation import DamagedError, Generation, sync
from shared.knowledge.ladybug_around import around
from shared.knowledge.ladybug_kept import MAKE_STALE, Kept
from shared.knowledge.ladybug_near import LadybugNear
from shared.knowledge.statements import statements

_CURRENT = "CURRENT"


class LadybugEngine:
    """Runs statements on the current generation; see `engine.Engine`."""

    replaces_edges = True  # 40 µs for an edge; 1 ms to write the list of one that stands

    def __init__(self, directory: Path, memory_mb: int) -> None:
        self.directory = directory
        self.memory_mb = memory_mb
        self.writing = threading.RLock()
        self._local = threading.local()
        directory.mkdir(parents=True, exist_ok=True)
        self.current, self.reason = self._open()

    def run(
        self, name: str, parameters: Mapping[str, Any] | None = None, *, within: float | None = None
    ) -> list[dict[str, Any]]:
        """Run a statement and return its rows."""
        if within is None or getattr(self._local, "writer", None) is not None:
            return list(self.stream(name, parameters))
        with self._reader() as (reader, _), limited(reader, within):
            return execute(reader, statements()[name], parameters)

    def stream(self, name: str, parameters: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """Run a statement and yield its rows."""
        writer = getattr(self._local, "writer", None)
        if writer is not None:
            if name in MAKE_STALE:
                self._local.ran.append((name, parameters or {}))
            yield from stream(writer, statements()[name], parameters)
            return
        with self._reader() as (reader, _):
            yield from stream(reader, statements()[name], parameters)

    def check_filled(self) -> None:
        """Refuse to be read while the current generation was never filled: the old one was damaged, say."""
        if not self._here().complete:
            raise UnavailableError(self.reason or "the graph was never filled from the ledger")

    def near(self, shop: str, user_id: str) -> LadybugNear | None:
        """Return the way over bare offsets; in a transaction, what was written but not committed has none."""
        writes = getattr(self._local, "writer", None) is not None
        return None if writes else LadybugNear(self, shop, user_id)

    def around(self, names: Sequence[str], uids: Sequence[str], limit: int, within: float) -> Around:
        """Return the edges around nodes, statement by statement, by the way over bare offsets."""
        until, found = monotonic() + within, {}
        with self._reader() as (reader, generation):
            ids = generation.kept.ids
            for name, uid in product(names, uids):
                with limited(reader, until - monotonic()):
                    found[name, uid] = around(reader, ids, name, uid, limit)
        return found

    @contextlib.contextmanager
    def lend(self) -> Iterator[tuple[Any, Kept]]:
        """Lend a connection to the current generation for reading, with what is kept of it."""
        with self._reader() as (reader, generation):
            yield reader, generation.kept

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Open the write transaction; an error inside undoes all of it."""
        with self.writing, self._transaction_on(self.current):
            yield

    def bulk(self, label: str, columns: Mapping[str, Sequence[Any]], types: Sequence[str]) -> None:
        """Create many edges at once, in this thread's transaction."""
        table = pa.table(
            {name: arrow(values, type_) for (name, values), type_ in zip(columns.items(), types, strict=True)}
        )
        # No COPY: committing one brings the engine's whole log into the file, for seconds, while everyone waits.
        execute(self._local.writer, creation(label, tuple(columns)), {"rows": table})

    def hold(self, kind: str, rows: Sequence[Mapping[str, Any]]) -> bool:
        """Do nothing: one transaction writes at a time."""
        del kind, rows
        return False

    def fresh(self, memory_mb: int) -> Generation:
        """Make an empty generation beside the current one."""
        numbers = [int(path.name.removeprefix("gen-")) for path in self.directory.glob("gen-*")]
        return Generation.create(self.directory / f"gen-{max(numbers, default=0) + 1}", memory_mb)

    @contextlib.contextmanager
    def filling(self, generation: Generation) -> Iterator[None]:
        """Let this thread's statements go to a generation that is not current yet, in one transaction."""
        with self._transaction_on(generation):
            yield

    @contextlib.contextmanager
    def looking_at(self, generation: Generation) -> Iterator[None]:
        """Let this thread's reads go to a generation that is not current yet."""
        self._local.looks_at = generation
        try:
            yield
        finally:
            self._local.looks_at = None

    def switch(self, generation: Generation) -> None:
        """Make a finished generation the current one, durably, then let go of the old one."""
        with self.writing:
            self._point_at(generation)
            old, self.current, self.reason = self.current, generation, ""
            old.abandon()
        shutil.rmtree(old.directory, ignore_errors=True)

    def forget(self) -> None:
        """Forget what is kept in memory: nodes may have got other names."""
        self.current.kept = Kept()

    def close(self) -> None:
        """Let go of the files."""
        with self.writing:
            self.current.retire()

    @contextlib.contextmanager
    def _transaction_on(self, generation: Generation) -> Iterator[None]:
        if getattr(self._local, "writer", None) is not None:
            raise RuntimeError("a transaction is open in this thread already")
        execute(generation.writer, "BEGIN TRANSACTION")
        self._local.writer, self._local.ran = generation.writer, []
        try:
            yield
            execute(generation.writer, "COMMIT")
        except BaseException as error:
            # After a failed statement the engine may have rolled back by itself.
            with contextlib.suppress(RuntimeError, UnavailableError):
                execute(generation.writer, "ROLLBACK")
            if generation is self.current and isinstance(error, UnavailableError) and USED_UP in str(error):
                generation.wear_out()
                self.reason = "the graph engine's memory was used up"
            raise
        finally:
            self._local.writer = None
            generation.kept.forget(self._local.ran)

    def _here(self) -> Generation:
        """Return where this thread reads."""
        looks_at: Generation | None = getattr(self._local, "looks_at", None)
        return looks_at or self.current

    @contextlib.contextmanager
    def _reader(self) -> Iterator[tuple[Any, Generation]]:
        while True:
            generation = self._here()
            with contextlib.ExitStack() as stack:
                try:
                    reader = stack.enter_context(generation.reader())
                except UnavailableError:
                    if generation is self._here():
                        raise
                    continue  # it was retired just now: its successor answers
                yield reader, generation
                return

    def _open(self) -> tuple[Generation, str]:
        """Open the current generation, or a fresh one and the reason why it must be filled from the ledger."""
        pointer = self.directory / _CURRENT
        reason = "no graph was found"
        current = pointer.read_text().strip() if pointer.exists() else ""
        if current:
            try:
                generation = Generation.open(self.directory / current, self.memory_mb)
            except DamagedError as error:
                reason = str(error)
            else:
                self._sweep(generation)
                return generation, "" if generation.complete else "the graph was never filled from the ledger"
        generation = self.fresh(self.memory_mb)
        self._point_at(generation)
        self._sweep(generation)
        return generation, reason

    def _point_at(self, generation: Generation) -> None:
        fresh = self.directory / f"{_CURRENT}.new"
        fresh.write_text(generation.directory.name)
        sync(fresh)
        fresh.replace(self.directory / _CURRENT)
        sync(self.directory)

    def _sweep(self, kept: Generation) -> None:
        """Remove what an interrupted rebuild or a damaged generation left."""
        for path in self.directory.glob("gen-*"):
            if path != kept.directory:
                shutil.rmtree(path, ignore_errors=True)
