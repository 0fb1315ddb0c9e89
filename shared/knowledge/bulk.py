"""Fills a fresh generation of the embedded graph by bulk copy, one `COPY` per table, columns built as they come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from shared.courtesy import considerate
from shared.knowledge.execution import execute
from shared.knowledge.generation import Generation, node_head
from shared.knowledge.rows import Row, RowKey
from shared.knowledge.tables import EDGES, INTEGER, INTEGERS, NODES, REAL, STRING, TABLES, Table

_END = "END"  # an edge's end: the number of a uid, for hundreds of edges name the same
_TYPES = {
    STRING: pa.string(),
    INTEGER: pa.int64(),
    INTEGERS: pa.list_(pa.int64()),
    REAL: pa.float64(),
    _END: pa.int32(),
}
_UID_BYTES = 36  # of a uid as a text of its own
_CHUNK = 10_000  # rows of each kind that wait as Python's own objects
_POOL_PER_BYTE = 5.5  # 3.8 to 5.1 were measured, for edges with 1 to 60 times each; too little, and the copy fails


def arrow(values: Sequence[Any], type_: str) -> pa.Array:
    """Return values as an Arrow array of a column's type."""
    return pa.array(values, _TYPES[type_])


class Columns:
    """Collects a table's rows as Arrow columns, so that hundreds of thousands fit in little memory."""

    def __init__(self, table: Table) -> None:
        self._table = table
        head = node_head(table) if table.is_node else (("source", _END), ("target", _END))
        self._types, self._head = dict((*head, *table.columns)), len(head)
        self._derived = table.derived
        self._ends: dict[str, int] = {}
        self._pending: list[tuple[Any, ...]] = []
        self._chunks: dict[str, list[pa.Array]] = {name: [] for name in self._types}

    def add(self, key: RowKey, row: Row) -> None:
        """Take a row."""
        address = self._table.address(key)
        head = (address + key[1:])[: self._head] if self._table.is_node else self._numbered(address)
        self._pending.append(head + self._table.values(row))
        if len(self._pending) >= _CHUNK:
            self._flush()

    def table(self) -> pa.Table:
        """Return all rows taken, with what a new node says of the rest."""
        self._flush()
        ends = arrow(list(self._ends), STRING)
        columns = {name: self._column(name, type_, ends) for name, type_ in considerate(self._types.items())}
        count = len(next(iter(columns.values())))
        return pa.table(columns | {name: arrow([value] * count, type_) for name, type_, value in self._derived})

    def _column(self, name: str, type_: str, ends: pa.Array) -> pa.Array:
        chunks = self._chunks.pop(name)
        column = pa.concat_arrays(chunks) if chunks else arrow([], type_)
        return pa.DictionaryArray.from_arrays(column, ends) if type_ == _END else column

    def _numbered(self, uids: tuple[str, ...]) -> tuple[int, ...]:
        return tuple([self._ends.setdefault(uid, len(self._ends)) for uid in uids])

    def _flush(self) -> None:
        columns = zip(self._types.items(), zip(*self._pending, strict=True), strict=False)
        for (name, type_), values in considerate(columns):
            self._chunks[name].append(arrow(values, type_))
        self._pending = []


def gathered(rows: Iterable[tuple[RowKey, Row]]) -> dict[str, pa.Table]:
    """Return rows, in any order, as a table for each kind that has some, in the order to copy them."""
    columns = {kind: Columns(table) for kind, table in TABLES.items()}
    for key, row in rows:
        columns[key[0]].add(key, row)
    tables = {table.kind: columns.pop(table.kind).table() for table in (*NODES, *EDGES)}
    return {kind: taken for kind, taken in tables.items() if taken.num_rows}


def pool_mb(tables: Mapping[str, pa.Table]) -> int:
    """Return the megabytes of buffer pool that the largest `COPY` takes."""
    return int(max(map(_spelt_out, tables.values()), default=0) * _POOL_PER_BYTE) >> 20


def _spelt_out(taken: pa.Table) -> int:
    """Return the bytes of a table that says every uid in full, as the engine's copy does."""
    ends = sum(pa.types.is_dictionary(column) for column in taken.schema.types)
    return int(taken.nbytes + ends * taken.num_rows * _UID_BYTES)


def fill(generation: Generation, tables: dict[str, pa.Table]) -> None:
    """Copy tables, as `gathered` returns them, into an empty generation; each is let go of once it is copied.

    On one core, the other is left to those who are answered meanwhile: a rebuild takes a twentieth longer.
    """
    generation.writer.set_max_threads_for_exec(1)
    for kind in list(tables):
        execute(generation.writer, f"COPY {TABLES[kind].label} FROM $rows", {"rows": tables.pop(kind)})
