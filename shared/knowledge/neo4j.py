"""The knowledge graph in Neo4j: written by several workers at once, rebuilt beside the one that counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from shared.bus.port import Position
from shared.errors import UnavailableError
from shared.knowledge.copies import read_copy, write_copy
from shared.knowledge.neo4j_driver import persistently
from shared.knowledge.neo4j_engine import FORMAT, UNFILLED, Neo4jEngine
from shared.knowledge.port import unchecked
from shared.knowledge.reading import Reading
from shared.knowledge.rows import Digests, Row, RowKey
from shared.knowledge.tables import EDGES, NODES, Table
from shared.knowledge.writing import Writing, put_watermarks

if TYPE_CHECKING:
    from shared.knowledge.port import Derived
    from shared.knowledge.rows import Delta

T = TypeVar("T")
_BATCH = 5_000  # rows that one transaction fills in


class Neo4jKnowledge(Reading, Writing):
    """Implements `shared.knowledge.port.KnowledgeWriter`. Thread-safe; connects at the first call.

    What another writer was in the way of is done again: a transaction that was undone left nothing, and a batch that
    was committed after all is refused by its own watermark.
    """

    engine: Neo4jEngine

    def __init__(self, url: str, remembers: float = 1.0) -> None:
        self.engine = Neo4jEngine(url, remembers)
        self._loading = False

    def apply(self, delta: Delta, watermarks: Sequence[Position], check: Callable[[], None] = unchecked) -> None:
        """Merge a delta into the graph and advance the watermarks, in one transaction (see the port)."""
        persistently(lambda: Writing.apply(self, delta, watermarks, check))

    def mend(self, shop: str, put: Iterable[tuple[RowKey, Row]], delete: Iterable[RowKey]) -> None:
        """Write and remove exact rows of a shop, in one transaction: that of `alone`, if there is one."""
        rows, keys = list(put), list(delete)
        if self.engine.is_alone:
            Writing.mend(self, shop, rows, keys)
        else:
            persistently(lambda: Writing.mend(self, shop, rows, keys))

    def alone(self, act: Callable[[], T]) -> T:
        """Return what comes of an act, while which no other process moves a watermark (see the port)."""
        return persistently(partial(self._alone, act))

    def _alone(self, act: Callable[[], T]) -> T:
        with self.engine.alone():
            return act()

    def sweep(self) -> None:
        """Remove generations that count no more: whoever removed them was interrupted, or never came to it."""
        self.engine.sweep()

    def refresh(self, shop: str, derived: Derived) -> None:
        """Replace a shop's derived edges and popularity."""
        persistently(lambda: Writing.refresh(self, shop, derived))

    def match(self, shop: str, matches: Sequence[tuple[str, str, float]]) -> None:
        """Replace what free-word interests were matched to."""
        persistently(lambda: Writing.match(self, shop, matches))

    def load(self, rows: Iterable[tuple[RowKey, Row]], watermarks: Sequence[Position]) -> Mapping[str, str]:
        """Fill a fresh generation from rows, prove it, and switch to it; readers have the old one until then.

        Returns the digest of each shop, proved equal for what was given and what was read back.
        """
        self._loading = True
        try:
            generation = self.engine.fresh()
            try:
                given = Digests()
                self._fill(generation, given.over(rows))
                with self.engine.filling(generation):
                    put_watermarks(self.engine, watermarks)
                with self.engine.looking_at(generation):
                    proof = given.by_shop()
                    self._prove(proof)
                self.engine.switch(generation)
            except UnavailableError:
                self.engine.remove(generation)
                raise
        finally:
            self._loading = False
        return proof

    def status(self) -> Mapping[str, object]:
        """Return generation, whether and why it must be rebuilt, counts, and when each shop was last refreshed."""
        pointer = self.engine.pointer()
        reason = "" if pointer.complete else UNFILLED
        if pointer.format != FORMAT:
            reason = f"the graph has format {pointer.format}; this version reads {FORMAT}"
        return {
            "engine": "neo4j",
            "generation": pointer.number,
            "needs_rebuild": bool(reason),
            "reason": reason,
            "rebuilding": self._loading,
            "counts": {kind: self.engine.run(f"count_{kind}")[0]["count"] for kind in ("user", "product", "interest")},
            "refreshed": {row["shop"]: row["refreshed_at"] for row in self.engine.run("refreshed")},
        }

    def snapshot(self, directory: str) -> None:
        """Write a consistent copy of the graph, with its digests, into an empty directory; events wait meanwhile."""
        with self.engine.alone():
            write_copy(directory, (row for shop in self.shops() for row in self.rows(shop)), self.watermarks())

    def restore(self, directory: str) -> None:
        """Switch to a copy made by `snapshot`, if it is whole.

        Raises:
            InvalidInputError: it is no snapshot, or was altered since.
        """
        self.load(*read_copy(directory))

    def close(self) -> None:
        """Let go of the connections."""
        self.engine.close()

    def _fill(self, generation: int, rows: Iterable[tuple[RowKey, Row]]) -> None:
        waiting: dict[str, dict[RowKey, Row]] = {table.kind: {} for table in (*NODES, *EDGES)}
        nodes = {table.kind: table for table in NODES}
        for key, row in rows:
            group = waiting[key[0]]
            group[key] = row
            if len(group) >= _BATCH and key[0] in nodes:  # edges wait until both their ends are there
                self._create(generation, nodes[key[0]], group)
                waiting[key[0]] = {}
        for table in (*NODES, *EDGES):
            keys = list(waiting[table.kind])
            for start in range(0, len(keys), _BATCH):
                some = keys[start : start + _BATCH]
                self._create(generation, table, {key: waiting[table.kind].pop(key) for key in some})

    def _create(self, generation: int, table: Table, rows: Mapping[RowKey, Row]) -> None:
        with self.engine.filling(generation):
            self._write("create", table, rows)
