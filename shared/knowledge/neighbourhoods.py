"""Walks out from a node, a step at a time, to draw the graph around it: bounded in depth, nodes and work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any, NamedTuple

from shared.errors import InvalidInputError
from shared.knowledge.engine import Around
from shared.knowledge.insight import Edge, Neighbourhood, Node
from shared.knowledge.patience import Patience
from shared.knowledge.reading_facts import product_of
from shared.knowledge.rows import uid

DEEPEST, MOST = 3, 300
WIDEST = 12  # nodes of a level that are gone on from
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


@dataclass(slots=True)
class _Drawing:
    shop: str
    limit: int
    nodes: dict[Key, Node] = field(default_factory=dict)
    edges: dict[tuple[str, str, str], Edge] = field(default_factory=dict)
    truncated: bool = False

    def take(self, near: Key, step: Step, row: dict[str, Any], depth: int, room: int) -> None:
        """Add an edge and the node at its far end, if there is room for it."""
        far = (step.far, row["id"])
        if far not in self.nodes:
            if len(self.nodes) >= room:
                self.truncated = True
                return
            self.nodes[far] = Node(uid(step.far, self.shop, row["id"]), *far, "", depth)
        source, target = (self.nodes[at].uid for at in ((far, near) if step.back else (near, far)))
        self.edges.setdefault((source, target, step.edge), Edge(source, target, step.edge, float(row["weight"])))


def draw(
    patience: Patience, shop: str, root: tuple[str, str, str], *, depth: int, kinds: Sequence[str], limit: int
) -> Neighbourhood:
    """Return the graph around a root (kind, id, name), as the port says.

    Raises:
        InvalidInputError: the depth, the limit or an edge kind is out of range.
    """
    check(root[0], depth, kinds, limit)
    kind, id, name = root
    start = (kind, id)
    drawing = _Drawing(shop, limit, {start: Node(uid(kind, shop, id), kind, id, name, 0)})
    frontier = [start]
    for level in range(1, depth + 1):
        if not frontier:
            break
        before = len(drawing.nodes)
        # Each level may fill its share of what is left, so that the first does not leave the others without room.
        room = before + (limit - before) // (depth - level + 1)
        _walk(patience, drawing, frontier, kinds, level, room)
        frontier = list(drawing.nodes)[before:]
    nodes = named(patience, shop, list(drawing.nodes.values()))
    return Neighbourhood(nodes, tuple(drawing.edges.values()), drawing.truncated, patience.partial)


def check(kind: str, depth: int, kinds: Sequence[str], limit: int) -> None:
    """Raise InvalidInputError unless such a neighbourhood can be asked for."""
    if kind not in STEPS:
        raise InvalidInputError(f"a neighbourhood is around one of {', '.join(sorted(STEPS))}")
    if not 1 <= depth <= DEEPEST or not 1 <= limit <= MOST:
        raise InvalidInputError(f"depth goes from 1 to {DEEPEST}, limit from 1 to {MOST}")
    check_kinds(kinds)


def check_kinds(kinds: Sequence[str]) -> None:
    """Raise InvalidInputError unless all of these are kinds of edges."""
    if unknown := set(kinds) - EDGE_KINDS:
        raise InvalidInputError(f"no such edges: {', '.join(sorted(unknown))}; there are {sorted(EDGE_KINDS)}")


def _walk(
    patience: Patience, drawing: _Drawing, frontier: Sequence[Key], kinds: Sequence[str], level: int, room: int
) -> None:
    nodes = gone_on_from(patience, drawing.shop, frontier)
    bound = 2 * max(1, drawing.limit // len(nodes))
    found = []
    for near, step, rows, more in edges_around(patience, drawing.shop, nodes, kinds, bound, through=level > 1):
        drawing.truncated |= more
        found.append([(near, step, row) for row in rows])
    drawing.truncated |= len(frontier) > len(nodes)
    # Edge kinds take turns, so that many purchases do not crowd out the interests.
    for near, step, row in (one for turn in zip_longest(*found) for one in turn if one is not None):
        drawing.take(near, step, row, level, room)


def gone_on_from(patience: Patience, shop: str, frontier: Sequence[Key]) -> Sequence[Key]:
    """Return the nodes of a level, one at least, that are gone on from: products that crowds buy only if all are."""
    some = frontier[: 2 * WIDEST]
    uids = [uid(at[0], shop, at[1]) for at in some if at[0] == "product"] if len(some) > 1 else []
    crowded = (
        {row["id"] for row in patience.ask("crowded_products", {"uids": uids, "buyers": _CROWDED})} if uids else ()
    )
    others = [at for at in some if at[0] != "product" or at[1] not in crowded]
    return (others or some)[:WIDEST]


def edges_around(
    patience: Patience, shop: str, nodes: Sequence[Key], kinds: Sequence[str], most: int, *, through: bool
) -> Iterator[Followed]:
    """Yield what each step finds from each node: at most the `most` heaviest edges.

    Who only passes `through` follows no more edges of a crowd than lead to what is popular there.
    """
    uids = {at: uid(at[0], shop, at[1]) for at in nodes}
    steps = {kind: [step for step in STEPS[kind] if not kinds or step.edge in kinds] for kind, _ in nodes}
    found: Around = {}
    for kind, some in steps.items():
        here = [uids[at] for at in nodes if at[0] == kind]
        crowds = [step for step in some if through and step.crowd]
        found |= patience.around([step.statement for step in some if step not in crowds], here, most + 1)
        for step in crowds:
            found |= _of_crowd(patience, step, here, min(most, _THROUGH) + 1)
    for at in nodes:
        for step in steps[at[0]]:
            if (rows := found.get((step.statement, uids[at]))) is not None:
                bound = min(most, _THROUGH) if through and step.crowd else most
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
