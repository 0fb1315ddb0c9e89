"""Fills a fresh generation of the embedded graph by bulk copy, one `COPY` per table, columns built as they come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from shared.knowledge.execution import execute
from shared.knowledge.generation import Generation, node_head
from shared.knowledge.rows import Row, RowKey
from shared.knowledge.tables import EDGES, INTEGER, INTEGERS, NODES, REAL, STRING, TABLES, Table

_TYPES = {STRING: pa.string(), INTEGER: pa.int64(), INTEGERS: pa.list_(pa.int64()), REAL: pa.float64()}
_CHUNK = 50_000


def arrow(values: Sequence[Any], type_: str) -> pa.Array:
    """Return values as an Arrow array of a column's type."""
    return pa.array(values, _TYPES[type_])


class Columns:
    """Collects a table's rows as Arrow columns, so that hundreds of thousands fit in little memory."""

    def __init__(self, table: Table) -> None:
        self._table = table
        head = node_head(table) if table.is_node else (("source", STRING), ("target", STRING))
        self._types = dict((*head, *table.columns, *((name, type_) for name, type_, _ in table.derived)))
        self._new = {name: value for name, _, value in table.derived}
        self._pending: list[Mapping[str, Any]] = []
        self._chunks: dict[str, list[pa.Array]] = {name: [] for name in self._types}

    def add(self, key: RowKey, row: Row) -> None:
        """Take a row."""
        self._pending.append(self._table.parameters(key, row) | self._new)
        if len(self._pending) >= _CHUNK:
            self._flush()

    def table(self) -> pa.Table:
        """Return all rows taken."""
        self._flush()
        return pa.table(
            {
                name: pa.concat_arrays(chunks) if chunks else arrow([], self._types[name])
                for name, chunks in self._chunks.items()
            }
        )

    def _flush(self) -> None:
        if self._pending:
            for name, type_ in self._types.items():
                self._chunks[name].append(arrow([row[name] for row in self._pending], type_))
            self._pending = []


def fill(generation: Generation, rows: Iterable[tuple[RowKey, Row]]) -> None:
    """Copy rows, in any order, into an empty generation."""
    columns = {kind: Columns(table) for kind, table in TABLES.items()}
    for key, row in rows:
        columns[key[0]].add(key, row)
    for table in (*NODES, *EDGES):
        taken = columns.pop(table.kind).table()
        if taken.num_rows:
            execute(generation.writer, f"COPY {table.label} FROM $rows", {"rows": taken})
