"""The knowledge graph on LadybugDB: generations, bulk loads that prove themselves, snapshots."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from shared.bus.port import Position
from shared.errors import InvalidInputError
from shared.knowledge.bulk import fill, gathered, pool_mb
from shared.knowledge.generation import DamagedError, Generation, sync
from shared.knowledge.ladybug_engine import LadybugEngine
from shared.knowledge.memory import give_back
from shared.knowledge.reading import Reading
from shared.knowledge.rows import Digests, Row, RowKey, digest
from shared.knowledge.writing import Writing, put_watermarks
from shared.logs import logger

T = TypeVar("T")

_log = logger("graph")
_LOADING_MB = 512  # least buffer pool while filling in bulk: a copy of a million edges does not fit in half of it
_MANIFEST = "manifest.json"


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
        self._loading, given = True, Digests()
        try:
            tables = gathered(given.over(rows))
            _give_back()
            proof = given.by_shop()
            generation = self.engine.fresh(max(_LOADING_MB, self.engine.memory_mb, pool_mb(tables)))
            generation = self._built(generation, tables, watermarks, proof)
        finally:
            self._loading = False
            _give_back()
        self._warm(generation)
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

    def mend(self, shop: str, put: Iterable[tuple[RowKey, Row]], delete: Iterable[RowKey]) -> None:
        """Write and remove exact rows of a shop, in one transaction."""
        try:
            super().mend(shop, put, delete)
        finally:
            self.engine.forget()

    def alone(self, act: Callable[[], T]) -> T:
        """Return what comes of an act: only this process writes, and its own lock keeps the projection waiting."""
        return act()

    def sweep(self) -> None:
        """Do nothing: opening has swept."""

    def close(self) -> None:
        """Let go of the files."""
        self.engine.close()

    def _warm(self, generation: Generation) -> None:
        """Read about somebody: who is answered first after the switch need not wait for what serves all who follow."""
        try:
            with self.engine.looking_at(generation):
                for shop in self.shops()[:1]:
                    for user_id in self.users(shop, limit=1):
                        self.insight(shop, user_id)
        except Exception as error:  # noqa: BLE001 (whatever it is: the graph is proved, and counts)
            _log.warning("graph.cold", error=type(error).__name__)

    def _built(
        self,
        generation: Generation,
        tables: dict[str, pa.Table],
        watermarks: Sequence[Position],
        proof: Mapping[str, str],
    ) -> Generation:
        """Return a generation that was filled and proved to hold what was given, opened with its usual memory."""
        try:
            fill(generation, tables)
            _give_back()  # 300 MiB after a year's rows, that the proof need not be added to
            with self.engine.filling(generation):
                put_watermarks(self.engine, watermarks)
                self._prove(proof)
            generation.finish()
            generation.retire()
            return Generation.open(generation.directory, self.engine.memory_mb)
        except BaseException:
            generation.abandon()
            shutil.rmtree(generation.directory, ignore_errors=True)
            raise


def _give_back() -> None:
    pa.default_memory_pool().release_unused()
    give_back()


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
