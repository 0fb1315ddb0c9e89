"""The embedded graph engine: LadybugDB, in generations under one directory; `CURRENT` names the one that counts."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from shared.bus.port import Position
from shared.errors import InvalidInputError, UnavailableError
from shared.knowledge.bulk import arrow, fill
from shared.knowledge.dialect import creation
from shared.knowledge.generation import USED_UP, DamagedError, Generation, execute, limited, stream, sync
from shared.knowledge.reading import Reading
from shared.knowledge.rows import Digests, Row, RowKey, digest
from shared.knowledge.statements import statements
from shared.knowledge.writing import Writing, put_watermarks

T = TypeVar("T")

_CURRENT = "CURRENT"
_LOADING_MB = 512  # least buffer pool while filling in bulk: a copy of a million edges does not fit in half of it
_MANIFEST = "manifest.json"


class LadybugEngine:
    """Runs statements on the current generation; see `engine.Engine`."""

    def __init__(self, directory: Path, memory_mb: int) -> None:
        self.directory = directory
        self.memory_mb = memory_mb
        self.writing = threading.RLock()
        self._in_transaction = threading.local()
        directory.mkdir(parents=True, exist_ok=True)
        self.current, self.reason = self._open()

    def run(
        self, name: str, parameters: Mapping[str, Any] | None = None, *, within: float | None = None
    ) -> list[dict[str, Any]]:
        """Run a statement and return its rows."""
        if within is None or getattr(self._in_transaction, "writer", None) is not None:
            return list(self.stream(name, parameters))
        with self._reader() as reader, limited(reader, within):
            return execute(reader, statements()[name], parameters)

    def stream(self, name: str, parameters: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """Run a statement and yield its rows."""
        writer = getattr(self._in_transaction, "writer", None)
        if writer is not None:
            yield from stream(writer, statements()[name], parameters)
            return
        with self._reader() as reader:
            yield from stream(reader, statements()[name], parameters)

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
        execute(self._in_transaction.writer, creation(label, tuple(columns)), {"rows": table})

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

    def switch(self, generation: Generation) -> None:
        """Make a finished generation the current one, durably, then let go of the old one."""
        with self.writing:
            self._point_at(generation)
            old, self.current, self.reason = self.current, generation, ""
            old.retire()
        shutil.rmtree(old.directory, ignore_errors=True)

    def close(self) -> None:
        """Let go of the files."""
        with self.writing:
            self.current.retire()

    @contextlib.contextmanager
    def _transaction_on(self, generation: Generation) -> Iterator[None]:
        if getattr(self._in_transaction, "writer", None) is not None:
            raise RuntimeError("a transaction is open in this thread already")
        execute(generation.writer, "BEGIN TRANSACTION")
        self._in_transaction.writer = generation.writer
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
            self._in_transaction.writer = None

    @contextlib.contextmanager
    def _reader(self) -> Iterator[Any]:
        while True:
            generation = self.current
            with contextlib.ExitStack() as stack:
                try:
                    reader = stack.enter_context(generation.reader())
                except UnavailableError:
                    if generation is self.current:
                        raise
                    continue  # it was retired just now: its successor answers
                yield reader
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


class LadybugKnowledge(Reading, Writing):
    """The knowledge graph in files under a directory that one process owns."""

    engine: LadybugEngine

    def __init__(self, directory: Path, memory_mb: int = 512) -> None:
        self.engine = LadybugEngine(directory, memory_mb)
        self._loading = False

    def load(self, rows: Iterable[tuple[RowKey, Row]], watermarks: Sequence[Position]) -> Mapping[str, str]:
        """Fill a fresh generation from rows in bulk, prove it, and switch to it; readers have the old one until then.

        Returns the digest of each shop, proved equal for what was given and what was read back.
        """
        self._loading = True
        generation = self.engine.fresh(max(_LOADING_MB, self.engine.memory_mb))
        try:
            given = Digests()
            fill(generation, given.over(rows))
            with self.engine.filling(generation):
                put_watermarks(self.engine, watermarks)
                proof = self._proof(given.by_shop())
            generation.finish()
            generation.retire()
            generation = Generation.open(generation.directory, self.engine.memory_mb)
        except BaseException:
            generation.retire()
            shutil.rmtree(generation.directory, ignore_errors=True)
            raise
        finally:
            self._loading = False
        self.engine.switch(generation)
        return proof

    def status(self) -> Mapping[str, object]:
        """Return generation, whether and why it must be rebuilt, counts, and when each shop was last refreshed."""
        counts = {kind: self.engine.run(f"count_{kind}")[0]["count"] for kind in ("user", "product", "interest")}
        return {
            "engine": "ladybug",
            "generation": self.engine.current.number,
            "needs_rebuild": bool(self.engine.reason),
            "reason": self.engine.reason,
            "rebuilding": self._loading,
            "counts": counts,
            "refreshed": {row["shop"]: row["refreshed_at"] for row in self.engine.run("refreshed")},
        }

    def snapshot(self, directory: str) -> None:
        """Write a consistent copy of the graph, with a manifest of digests, into an empty directory."""
        target = Path(directory)
        target.mkdir(parents=True, exist_ok=True)
        if any(target.iterdir()):
            raise InvalidInputError("a snapshot needs an empty directory")
        with self.engine.writing:
            current = self.engine.current
            current.checkpoint()
            for path in _files(current.directory):
                shutil.copy2(path, target / path.name)
            shops = {shop: digest(self.rows(shop)) for shop in self.shops()}
        files = {path.name: _sha256(path) for path in _files(target)}
        (target / _MANIFEST).write_text(json.dumps({"files": files, "shops": shops}, indent=1, sort_keys=True))
        for path in (*target.iterdir(), target):
            sync(path)

    def restore(self, directory: str) -> None:
        """Switch to a copy made by `snapshot`, if it is whole.

        Raises:
            InvalidInputError: it is no snapshot, or was altered since.
        """
        source = Path(directory)
        manifest = _manifest(source)
        with self.engine.writing:
            number = self.engine.current.number + 1
            target = self.engine.directory / f"gen-{number}"
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir()
            for name in manifest["files"]:
                shutil.copy2(source / name, target / name)
            try:
                generation = Generation.open(target, self.engine.memory_mb)
            except DamagedError as error:
                raise InvalidInputError(f"the snapshot cannot be opened: {error}") from error
            self.engine.switch(generation)

    def alone(self, act: Callable[[], T]) -> T:
        """Return what comes of an act: only this process writes, and its own lock keeps the projection waiting."""
        return act()

    def sweep(self) -> None:
        """Do nothing: opening has swept."""

    def close(self) -> None:
        """Let go of the files."""
        self.engine.close()

    def _proof(self, given: Mapping[str, str]) -> Mapping[str, str]:
        """Return the digests of what can be read back, if they are those of what was given."""
        proof = {shop: digest(self.rows(shop)) for shop in self.shops()}
        if proof != given:
            raise UnavailableError("the fresh graph does not hold what it was given; the old one stays")
        return proof


def _files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.iterdir() if path.is_file() and path.name.startswith("graph."))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _manifest(directory: Path) -> Mapping[str, Any]:
    """Return a snapshot's manifest once its files are what it says."""
    try:
        manifest: dict[str, Any] = json.loads((directory / _MANIFEST).read_text())
        altered = [name for name, sha in manifest["files"].items() if _sha256(directory / name) != sha]
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise InvalidInputError("this is no snapshot: its manifest or files are missing") from error
    if altered:
        raise InvalidInputError(f"the snapshot was altered since it was made: {', '.join(altered)}")
    return manifest
