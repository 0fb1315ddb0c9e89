"""Walks out from a node, a step at a time, to draw the graph around it: bounded in depth, nodes and work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from shared.errors import InvalidInputError
from shared.knowledge.insight import Edge, Neighbourhood, Node
from shared.knowledge.patience import Patience
from shared.knowledge.rows import uid
from shared.knowledge.walking import STEPS, Key, Step, check_kinds, edges_around, gone_on_from, named

DEEPEST, MOST = 3, 300


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
