"""How LadybugDB best runs the shared statements over rows: never by joining rows with edges, which scans whole tables.

Measured with 950,000 edges on two cores: a statement that unwinds rows and matches edges takes 130 ms for one row and
46 to 82 µs a row in bulk; all edges of a source, by its uid, take 2 ms (22 µs a row in bulk). Creating and writing
nodes, and creating edges, takes 3 to 7 µs a row from Arrow instead of 15 to 50 µs from parameters, and does not hold
Python's lock while thousands of parameters are converted: readers feel that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from shared.knowledge.tables import DERIVED, LABELS

_OVER_ROWS = "UNWIND $rows AS row\n"
_MERGES = re.compile(r"^MERGE ", re.MULTILINE)
_FINDS_EDGES = re.compile(r"^MATCH .*\)-\[", re.MULTILINE)
_READS_EDGES = re.compile(
    r"MATCH \(a:(?P<source>\w+) \{uid: row\.source\}\)(?P<edge>.*)\nWHERE b\.uid IN row\.targets\n"
    r"RETURN row\.source AS source, (?P<columns>.*)"
)
_FIELD = re.compile(r"\brow\.([a-z_]+)")

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Step:
    """What to execute, once for each of the parameters; of the edges read only the `wanted` ones were asked for."""

    text: str
    parameters: Sequence[Mapping[str, Any]]
    wanted: pa.Array | None = None  # all, if there are none

    def chosen(self, answer: pa.Table) -> Iterator[dict[str, Any]]:
        """Yield those of the edges read that were asked for."""
        pairs = pc.binary_join_element_wise(answer["source"], answer["target"], ">")
        for batch in answer.filter(pc.is_in(pairs, value_set=self.wanted)).to_batches():
            yield from batch.to_pylist()


def step_of(text: str, parameters: Mapping[str, Any]) -> Step:
    """Return what to execute so that a statement over `$rows` has run; any other stands as it is."""
    rows: Rows = parameters.get("rows", ())
    if not rows or not text.startswith(_OVER_ROWS) or _MERGES.search(text):
        return Step(text, [parameters])
    if (edges := _by_source(text)) is not None:
        pairs = [f"{row['source']}>{target}" for row in rows for target in row["targets"]]
        return Step(edges, [{"sources": [row["source"] for row in rows]}], pa.array(pairs))
    if _FINDS_EDGES.search(text):
        return Step(_one_by_one(text), rows)
    columns = {f"row_{name}": [row[name] for row in rows] for name in rows[0]}
    return Step(_from_arrow(text), [{"rows": pa.table(columns)}])


@cache
def _by_source(text: str) -> str | None:
    return (
        _READS_EDGES.sub(
            r"MATCH (a:\g<source>)\g<edge>\nWHERE a.uid IN $sources\nRETURN a.uid AS source, \g<columns>",
            text.removeprefix(_OVER_ROWS),
        )
        if _READS_EDGES.search(text)
        else None
    )


@cache
def _one_by_one(text: str) -> str:
    return _FIELD.sub(r"$\1", text.removeprefix(_OVER_ROWS))


@cache
def _from_arrow(text: str) -> str:
    return "LOAD FROM $rows\n" + _FIELD.sub(r"row_\1", text.removeprefix(_OVER_ROWS))


@cache
def creation(label: str, columns: tuple[str, ...]) -> str:
    """Return what creates derived edges from Arrow columns, `source` and `target` uids first."""
    table = next(table for table in DERIVED.values() if table.label == label)
    properties = ", ".join(f"{name}: {name}" for name in columns[2:])
    edge = f"[:{label} {{{properties}}}]" if properties else f"[:{label}]"
    return (
        f"LOAD FROM $rows MATCH (a:{LABELS[table.source]} {{uid: source}}) "
        f"MATCH (b:{LABELS[table.target]} {{uid: target}}) CREATE (a)-{edge}->(b)"
    )
