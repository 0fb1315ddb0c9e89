"""Follows edges from nodes, a level at a time, within bounds: what drawing and finding ways have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from shared.errors import InvalidInputError
from shared.knowledge.engine import Around
from shared.knowledge.insight import Node
from shared.knowledge.patience import Patience
from shared.knowledge.reading_facts import product_of
from shared.knowledge.rows import uid

_WIDEST = 12  # nodes of a level that are gone on from
_CROWDED = 200  # buyers in four weeks: to weigh all who ever bought such a product takes longer the more there are
_THROUGH = 19  # edges of a crowd that are gone on along; a refresh finds 20 that are popular in an interest
Key = tuple[str, str]  # a node's kind and id


@dataclass(frozen=True, slots=True)
class Step:
    """A kind of edge to follow from a kind of node; `back` when it is followed against its direction.

    From a `crowd`, tens of thousands of edges may lead: its statement finds the few first ones alone.
    """

    edge: str
    far: str
    statement: str
    back: bool = False
    crowd: str = ""


class Followed(NamedTuple):
    """What a step found from a node: rows of `id` and `weight`, the heaviest first, and whether there are more."""

    near: Key
    step: Step
    rows: list[dict[str, Any]]
    more: bool


STEPS: dict[str, Sequence[Step]] = {
    "user": (
        Step("PURCHASED", "product", "from_user_purchased"),
        Step("INTERESTED_IN", "interest", "from_user_interested_in"),
        Step("SIMILAR_TO", "user", "from_user_similar_to"),
        Step("REACTED_TO", "product", "from_user_reacted_to"),
    ),
    "product": (
        Step("ABOUT", "interest", "from_product_about"),
        Step("BOUGHT_WITH", "product", "from_product_bought_with"),
        Step("PURCHASED", "user", "from_product_purchased", back=True),
    ),
    "interest": (
        Step("POPULAR_IN", "product", "from_interest_popular_in"),
        Step("WITHIN", "interest", "from_interest_within"),
        Step("ABOUT", "product", "from_interest_about", back=True, crowd="from_interest_about_popular"),
        Step("INTERESTED_IN", "user", "from_interest_interested_in", back=True),
    ),
}
EDGE_KINDS = frozenset(step.edge for steps in STEPS.values() for step in steps)


def check_kinds(kinds: Sequence[str]) -> None:
    """Raise InvalidInputError unless all of these are kinds of edges."""
    if unknown := set(kinds) - EDGE_KINDS:
        raise InvalidInputError(f"no such edges: {', '.join(sorted(unknown))}; there are {sorted(EDGE_KINDS)}")


def gone_on_from(patience: Patience, shop: str, frontier: Sequence[Key]) -> Sequence[Key]:
    """Return the nodes of a level, one at least, that are gone on from: products that crowds buy only if all are."""
    some = frontier[: 2 * _WIDEST]
    crowded = _crowded(patience, shop, some) if len(some) > 1 else ()
    return ([at for at in some if at not in crowded] or some)[:_WIDEST]


def _crowded(patience: Patience, shop: str, nodes: Sequence[Key]) -> set[Key]:
    """Return the products among nodes that crowds buy."""
    uids = [uid(kind, shop, id) for kind, id in nodes if kind == "product"]
    found = patience.ask("crowded_products", {"uids": uids, "buyers": _CROWDED}) if uids else ()
    return {("product", row["id"]) for row in found}


def edges_around(
    patience: Patience, shop: str, nodes: Sequence[Key], kinds: Sequence[str], most: int, *, through: bool
) -> Iterator[Followed]:
    """Yield what each step finds from each node: at most the `most` heaviest edges.

    Who only passes `through` follows no more edges of a crowd than lead to what is popular there.
    """
    uids = {at: uid(at[0], shop, at[1]) for at in nodes}
    steps = {kind: [step for step in STEPS[kind] if not kinds or step.edge in kinds] for kind, _ in nodes}
    crowds = {step: min(most, _THROUGH) for some in steps.values() for step in some if through and step.crowd}
    found: Around = {}
    for kind, some in steps.items():
        here = [uids[at] for at in nodes if at[0] == kind]
        found |= patience.around([step.statement for step in some if step not in crowds], here, most + 1)
        for step in some:
            if step in crowds:
                found |= _of_crowd(patience, step, here, crowds[step] + 1)
    for at in nodes:
        for step in steps[at[0]]:
            if (rows := found.get((step.statement, uids[at]))) is not None:
                bound = crowds.get(step, most)
                yield Followed(at, step, rows[:bound], len(rows) > bound)


def _of_crowd(patience: Patience, step: Step, uids: Sequence[str], limit: int) -> Around:
    """Return the heaviest edges of a step that may have very many; all are looked at only where few are popular."""
    first = patience.around([step.crowd], uids, limit)
    enough = {(step.statement, uid): rows for (_, uid), rows in first.items() if len(rows) == limit}
    others = [uid for uid in uids if (step.statement, uid) not in enough]
    return enough | patience.around([step.statement], others, limit)


def named(patience: Patience, shop: str, nodes: Sequence[Node]) -> tuple[Node, ...]:
    """Return nodes with what they are called: by their ids, where there was no time to ask."""
    asked: dict[str, list[str]] = {kind: [node.uid for node in nodes if node.kind == kind] for kind in STEPS}
    names: dict[str, str] = {}
    if asked["product"]:
        for row in patience.ask("the_products", {"uids": asked["product"]}):
            names[uid("product", shop, row["id"])] = product_of(row).title
    if asked["interest"]:
        names |= {row["uid"]: row["name"] for row in patience.ask("read_interest", {"uids": asked["interest"]})}
    return tuple(replace(node, name=node.name or names.get(node.uid) or node.id) for node in nodes)
