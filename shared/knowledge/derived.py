"""Writes derived knowledge (neighbours, popularity, matches) in bulk: outside the digest, replaced as a whole."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any

from shared.knowledge.engine import Engine
from shared.knowledge.port import Derived
from shared.knowledge.rows import uid
from shared.knowledge.tables import DERIVED, STRING, DerivedTable

_CHUNK = 20_000  # edges in one transaction: well under a second, so that events go on in between
_PAUSE = 0.005  # seconds between two: whoever waits for the write lock gets it then

Edge = tuple[Any, ...]  # source uid, target uid, then the table's columns


def write_derived(engine: Engine, shop: str, derived: Derived) -> None:
    """Replace a shop's neighbours and popularity; each source's edges change from old to new at once."""
    _replace(engine, shop, DERIVED["bought_with"], derived.bought_with)
    _replace(engine, shop, DERIVED["similar_to"], derived.similar_to)
    _replace(engine, shop, DERIVED["popular"], [(shop, *edge) for edge in derived.popular])
    _replace(engine, shop, DERIVED["popular_in"], derived.popular_in)
    with engine.transaction():
        engine.run("unpopular", {"shop": shop})
        rows = [{"uid": uid("product", shop, product), "buyers": buyers} for product, buyers in derived.popular]
        if rows:
            engine.run("set_popular", {"rows": rows})
        engine.run(
            "set_refreshed",
            {
                "uid": uid("shop", shop, shop),
                "parameters": json.dumps(asdict(derived.parameters), sort_keys=True),
                "at": derived.at,
            },
        )


def write_matches(engine: Engine, shop: str, matches: Sequence[tuple[str, str, float]]) -> None:
    """Replace what a shop's free words were matched to."""
    _replace(engine, shop, DERIVED["matches"], matches)


def _replace(engine: Engine, shop: str, table: DerivedTable, edges: Sequence[tuple[Any, ...]]) -> None:
    by_source: dict[str, list[Edge]] = defaultdict(list)
    for source, target, *columns in edges:
        start = uid(table.source, shop, source)
        by_source[start].append((start, uid(table.target, shop, target), *columns))
    for row in engine.run(f"sources_{table.kind}", {"shop": shop}):
        by_source.setdefault(row["uid"], [])  # one without edges any more is cleared too
    for sources, chunk in _chunks(by_source):
        with engine.transaction():
            engine.run(f"clear_{table.kind}", {"uids": sources})
            _create(engine, table, chunk)
        time.sleep(_PAUSE)


def _chunks(by_source: dict[str, list[Edge]]) -> Iterator[tuple[list[str], list[Edge]]]:
    sources: list[str] = []
    edges: list[Edge] = []
    for source, its_edges in by_source.items():
        sources.append(source)
        edges += its_edges
        if len(edges) >= _CHUNK or len(sources) >= _CHUNK:
            yield sources, edges
            sources, edges = [], []
    if sources:
        yield sources, edges


def _create(engine: Engine, table: DerivedTable, edges: Sequence[Edge]) -> None:
    """Create edges between nodes that are still there: a person may have been erased since they were computed."""
    sources = _present(engine, table.source, {edge[0] for edge in edges})
    targets = _present(engine, table.target, {edge[1] for edge in edges})
    kept = [edge for edge in edges if edge[0] in sources and edge[1] in targets]
    if not kept:
        return
    names = ("source", "target", *(name for name, _ in table.columns))
    types = (STRING, STRING, *(type_ for _, type_ in table.columns))
    columns = {name: [edge[index] for edge in kept] for index, name in enumerate(names)}
    engine.bulk(table.label, columns, types)


def _present(engine: Engine, kind: str, uids: set[str]) -> set[str]:
    there: set[str] = set()
    pending = iter(sorted(uids))
    while some := list(islice(pending, _CHUNK)):
        there |= {row["uid"] for row in engine.run(f"present_{kind}", {"uids": some})}
    return there
