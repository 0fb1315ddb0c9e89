"""Walks out from a node, a step at a time, to draw the graph around it: bounded in depth, nodes and work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from shared.errors import InvalidInputError
from shared.knowledge.insight import Edge, Neighbourhood, Node
from shared.knowledge.patience import Patience
from shared.knowledge.reading_facts import product_of
from shared.knowledge.rows import uid

DEEPEST, MOST = 3, 300
_WIDEST = 12  # nodes of a level that are gone on from


@dataclass(frozen=True, slots=True)
class Step:
    """A kind of edge to follow from a kind of node; `back` when it is followed against its direction."""

    edge: str
    far: str
    statement: str
    back: bool = False


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
        Step("ABOUT", "product", "from_interest_about", back=True),
        Step("INTERESTED_IN", "user", "from_interest_interested_in", back=True),
    ),
}
EDGE_KINDS = frozenset(step.edge for steps in STEPS.values() for step in steps)


@dataclass(slots=True)
class _Drawing:
    limit: int
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: dict[tuple[str, str, str], Edge] = field(default_factory=dict)
    truncated: bool = False

    def take(self, step: Step, row: dict[str, Any], depth: int, room: int) -> None:
        """Add an edge and the node at its far end, if there is room for it."""
        if row["far"] not in self.nodes:
            if len(self.nodes) >= room:
                self.truncated = True
                return
            self.nodes[row["far"]] = Node(row["far"], step.far, row["id"], name_of(step.far, row), depth)
        source, target = (row["far"], row["near"]) if step.back else (row["near"], row["far"])
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
    start = uid(kind, shop, id)
    drawing = _Drawing(limit, {start: Node(start, kind, id, name, 0)})
    frontier = [start]
    for level in range(1, depth + 1):
        if not frontier:
            break
        before = len(drawing.nodes)
        # Each level may fill its share of what is left, so that the first does not leave the others without room.
        room = before + (limit - before) // (depth - level + 1)
        _walk(patience, drawing, frontier, kinds, level, room)
        frontier = list(drawing.nodes)[before:]
    return Neighbourhood(
        tuple(drawing.nodes.values()), tuple(drawing.edges.values()), drawing.truncated, patience.partial
    )


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
    patience: Patience, drawing: _Drawing, frontier: Sequence[str], kinds: Sequence[str], level: int, room: int
) -> None:
    # From one node at a time: an engine that is given a list of them may scan every edge of the kind.
    bound = 2 * max(1, drawing.limit // min(len(frontier), _WIDEST))
    found = []
    for near in frontier[:_WIDEST]:
        for step in STEPS[drawing.nodes[near].kind]:
            if not kinds or step.edge in kinds:
                rows = patience.ask(step.statement, {"uid": near, "limit": bound + 1})
                drawing.truncated |= len(rows) > bound
                found.append([(step, {**row, "near": near}) for row in rows[:bound]])
    drawing.truncated |= len(frontier) > _WIDEST
    for step, row in _in_turn(found):
        drawing.take(step, row, level, room)


def _in_turn(found: Sequence[Sequence[tuple[Step, dict[str, Any]]]]) -> Iterator[tuple[Step, dict[str, Any]]]:
    """Let edge kinds take turns, so that many purchases do not crowd out the interests."""
    return (one for turn in zip_longest(*found) for one in turn if one is not None)


def name_of(kind: str, row: dict[str, Any]) -> str:
    """Return what a node is called, from a row about it."""
    if kind != "product":
        return str(row["name"] or row["id"])
    return product_of({"id": row["id"], "facts": row["name"], "popular": 0}).title
