"""The edges around nodes, read from LadybugDB as bare offsets: in a tenth of a statement's usual time.

Measured with 860,000 purchases: a statement that names the far nodes, orders them and has a parameter for its limit
takes 1.5 to 4 ms however few edges it finds, one that returns `offset(id(b))` and a property of the edge 0.1 to 0.4 ms
(1.4 ms for 2,500 edges). A property of the far node is read node by node: for the 60,000 products of a department that
takes 160 ms, and reading all products' in one go 30 ms.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from heapq import nsmallest
from typing import Any

import numpy as np

from shared.knowledge.ladybug_kept import NodeIds
from shared.knowledge.ladybug_near import Numbers, arrays, heaviest
from shared.knowledge.near import Row
from shared.knowledge.statements import statements

_RETURNS = re.compile(
    r"(?P<finds>.*\(b:(?P<label>\w+)\).*\n)RETURN b\.id AS id, (?P<weight>.*) AS weight\n"
    r"ORDER BY weight DESC, id LIMIT \$limit",
    re.DOTALL,
)
_OF_THE_NODE = "b.popular"
_MANY = 2_000  # far nodes from which on it is quicker to read the weights of all there are


def around(reader: Any, ids: Mapping[str, NodeIds], name: str, uid: str, limit: int) -> list[Row]:
    """Return what a statement over `$uid` and `$limit` does: id and weight of the far nodes, the heaviest first."""
    found = _edges(reader, name, uid)
    best = heaviest(found["weight"], limit)
    if not len(best):
        return []
    weights, places = found["weight"][best], found["place"][best]
    last = weights.min()

    def named(which: Numbers) -> list[str]:
        return ids[_label(name)].of(reader, places[which].tolist())

    heavy = weights > last
    first = sorted(zip((-weights[heavy]).tolist(), named(heavy), strict=True))
    # Thousands may weigh as little as the last that there is room for: a product's buyers who bought it once.
    tied = nsmallest(limit - len(first), named(~heavy))
    return [*({"id": id, "weight": -less} for less, id in first), *({"id": id, "weight": last.item()} for id in tied)]


def _edges(reader: Any, name: str, uid: str) -> dict[str, Numbers]:
    finds, _, weight = _parts(name)
    start, places = {"uid": uid}, f"{finds}RETURN offset(id(b)) AS place"
    if weight == _OF_THE_NODE:
        found = arrays(reader, places, start)
        if len(found["place"]) >= _MANY:
            return {**found, "weight": _popular(reader, found["place"])}
    return arrays(reader, f"{places}, {weight} AS weight", start)


def _popular(reader: Any, places: Numbers) -> Numbers:
    told = arrays(reader, statements()["popular_places"], {})
    weights = np.zeros(max(places.max(), told["place"].max(initial=0)) + 1, dtype=np.int64)
    weights[told["place"]] = told["weight"]
    popular: Numbers = weights[places]
    return popular


def _label(name: str) -> str:
    return _parts(name)[1].lower()


def _parts(name: str) -> tuple[str, str, str]:
    return _taken_apart(statements()[name])


@cache
def _taken_apart(text: str) -> tuple[str, str, str]:
    found = _RETURNS.fullmatch(text)
    if found is None:
        raise ValueError("this statement does not return ids and weights of far nodes")
    return found["finds"], found["label"], found["weight"]
