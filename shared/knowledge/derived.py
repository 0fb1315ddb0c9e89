"""Writes derived knowledge (neighbours, popularity, matches) in bulk: outside the digest, as a whole or in part."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any

from shared.courtesy import considerate
from shared.knowledge.engine import Engine
from shared.knowledge.port import Amendment, Communities, Derived
from shared.knowledge.rows import uid
from shared.knowledge.tables import COMMUNITY, DERIVED, STRING, DerivedTable

_CHUNK = 1_500  # edges in one transaction: some ten milliseconds, so that events and answers go on in between
_UNDRAWN = (0, 0.0, 1.0)  # recent buyers, newcomers, loyalty of a product of which nothing was said
_PAUSE = 0.005  # seconds between two: whoever waits for the write lock gets it then

Edge = tuple[Any, ...]  # source uid, target uid, then the table's columns


def write_derived(engine: Engine, shop: str, derived: Derived) -> None:
    """Replace a shop's neighbours and popularity; each source's edges change from old to new at once."""
    _replace(engine, shop, DERIVED["bought_with"], [(*edge, edge[1]) for edge in derived.bought_with])
    _replace(engine, shop, DERIVED["similar_to"], derived.similar_to)
    _replace(engine, shop, DERIVED["popular"], [(shop, *edge) for edge in derived.popular])
    _replace(engine, shop, DERIVED["popular_in"], derived.popular_in)
    _draw(engine, shop, derived.products)
    _write_communities(engine, shop, derived.communities)
    with engine.transaction():
        told = {"parameters": asdict(derived.parameters), "fit": derived.fit}
        engine.run(
            "set_refreshed",
            {"uid": uid("shop", shop, shop), "parameters": json.dumps(told, sort_keys=True), "at": derived.at},
        )


def write_amendment(engine: Engine, shop: str, amendment: Amendment) -> None:
    """Replace what some sources' edges say, and what some products draw; the others' stay."""
    similar, beside = DERIVED["similar_to"], DERIVED["bought_with"]
    _rewrite(engine, similar, _by_source(shop, similar, amendment.similar_to))
    named = {source: [(*edge, edge[0]) for edge in edges] for source, edges in amendment.bought_with.items()}
    _rewrite(engine, beside, _by_source(shop, beside, named))
    uids = [uid("product", shop, product) for product, *_ in amendment.products]
    said = engine.run("drawing_of", {"uids": uids}) if uids else []
    _set_drawing(engine, shop, said, amendment.products)


def _by_source(shop: str, table: DerivedTable, edges: Mapping[str, Sequence[tuple[Any, ...]]]) -> dict[str, list[Edge]]:
    return {
        (start := uid(table.source, shop, source)): [
            (start, uid(table.target, shop, target), *columns) for target, *columns in some
        ]
        for source, some in edges.items()
    }


def _draw(engine: Engine, shop: str, products: Iterable[tuple[str, int, float, float]]) -> None:
    """Write what products draw and keep; of which nothing is said, those draw nothing."""
    said = engine.run("drawing", {"shop": shop})
    now = {product: rest for product, *rest in considerate(products)}
    gone = [(row["id"], *_UNDRAWN) for row in said if row["id"] not in now]
    _set_drawing(engine, shop, said, [*((product, *rest) for product, rest in now.items()), *gone])


def _set_drawing(
    engine: Engine, shop: str, said: Iterable[Mapping[str, Any]], products: Iterable[tuple[Any, ...]]
) -> None:
    """Write what products draw and keep, where it is not what was said before."""
    before = {row["id"]: (row["buyers"], row["newcomers"], row["loyalty"]) for row in considerate(said)}
    now = {product: tuple(rest) for product, *rest in considerate(products)}
    changed = [
        {
            "uid": uid("product", shop, product),
            "shop": shop,
            "id": product,
            "buyers": buyers,
            "newcomers": newcomers,
            "loyalty": loyalty,
        }
        for product, (buyers, newcomers, loyalty) in considerate(sorted(now.items()))
        if now[product] != before.get(product, _UNDRAWN)
    ]
    for start in range(0, len(changed), _CHUNK):
        with engine.transaction():
            engine.run("set_drawing", {"rows": changed[start : start + _CHUNK]})
        time.sleep(_PAUSE)


def _write_communities(engine: Engine, shop: str, found: Communities) -> None:
    """Let new communities begin, then everyone change over, then the old ones go: nobody is in none meanwhile."""
    wanted = {id for _, id in found.members}
    held = {row["id"] for row in engine.run("ids_community", {"shop": shop})}
    _for_communities(engine, shop, "create", sorted(wanted - held))
    _replace(engine, shop, DERIVED["member_of"], found.members)
    _replace(engine, shop, DERIVED["typical"], found.typical)
    _for_communities(engine, shop, "delete", sorted(held - wanted))


def _for_communities(engine: Engine, shop: str, verb: str, ids: Sequence[str]) -> None:
    rows = [{"uid": uid(COMMUNITY.kind, shop, id), "shop": shop, "id": id} for id in ids]
    if rows:
        with engine.transaction():
            engine.run(f"{verb}_community", {"rows": rows, "uids": [row["uid"] for row in rows]})


def write_matches(engine: Engine, shop: str, matches: Sequence[tuple[str, str, float]]) -> None:
    """Replace what a shop's free words were matched to."""
    _replace(engine, shop, DERIVED["matches"], matches)


def _replace(engine: Engine, shop: str, table: DerivedTable, edges: Sequence[tuple[Any, ...]]) -> None:
    by_source: dict[str, list[Edge]] = defaultdict(list)
    for source, target, *columns in considerate(edges):
        start = uid(table.source, shop, source)
        by_source[start].append((start, uid(table.target, shop, target), *columns))
    for row in engine.run(f"sources_{table.kind}", {"shop": shop}):
        by_source.setdefault(row["uid"], [])  # one without edges any more is cleared too
    _rewrite(engine, table, by_source)


def _rewrite(engine: Engine, table: DerivedTable, by_source: dict[str, list[Edge]]) -> None:
    for sources, chunk in considerate(_chunks(by_source)):
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
        there |= {row["uid"] for row in considerate(engine.run(f"present_{kind}", {"uids": some}))}
    return there
