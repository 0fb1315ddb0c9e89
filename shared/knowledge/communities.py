"""Reads communities of interest: who is taken together because their baskets are alike, and what they buy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from shared.knowledge.engine import Engine
from shared.knowledge.insight import Community, Typical
from shared.knowledge.names import tidy, without_size
from shared.knowledge.reading_facts import Record, product_of
from shared.knowledge.rows import uid

_SHOWN = 5  # products that stand for a community in a list of them
_NAMED = 3  # kinds of products that it is called by


def listed(engine: Engine, shop: str) -> tuple[Community, ...]:
    """Return a shop's communities, the largest first (see the port)."""
    products: dict[str, list[Typical]] = defaultdict(list)
    for row in engine.run("typical_first", {"shop": shop, "places": _SHOWN}):
        products[row["community"]].append(_typical(row))
    rows = engine.run("communities_of", {"shop": shop})
    return tuple(Community(row["id"], row["members"], tuple(products[row["id"]])) for row in rows)


def one(engine: Engine, shop: str, id: str) -> Community | None:
    """Return a community with what is typical of it, or none."""
    start = {"uid": uid("community", shop, id)}
    found = engine.run("the_community", start)
    if not found:
        return None
    return Community(id, found[0]["members"], tuple(map(_typical, engine.run("typical_of", start))))


def members(engine: Engine, shop: str, id: str, after: str, limit: int) -> list[str]:
    """Return a community's user ids in order, after one of them."""
    asked = {"uid": uid("community", shop, id), "after": after, "limit": limit}
    return [row["id"] for row in engine.run("members_after", asked)]


def said(products: Sequence[Typical]) -> str:
    """Return what a community is called: by what its members buy, no name twice."""
    names = list(dict.fromkeys(without_size(tidy(each.title)) for each in products))[:_NAMED]
    if not names:
        return "People whose baskets are alike"
    return f"People who buy {' and '.join(filter(None, (', '.join(names[:-1]), names[-1])))}"


def _typical(row: Record) -> Typical:
    return Typical(row["id"], product_of(row).title, row["buyers"], row["lift"])
