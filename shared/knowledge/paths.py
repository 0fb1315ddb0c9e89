"""Finds how two nodes are connected: from both ends, a step at a time, bounded in length, breadth and time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from shared.errors import InvalidInputError
from shared.knowledge.insight import Edge, Node, Way, Ways
from shared.knowledge.patience import Patience
from shared.knowledge.rows import uid
from shared.knowledge.walking import STEPS, Key, Step, check_kinds, edges_around, gone_on_from, named
from shared.knowledge.words import said

LONGEST, MOST = 6, 10
_NEAR, _FAR = 500, 60  # edges of a kind that are followed: from an end, and from what lies between

Root = tuple[str, str, str]  # kind, id, name


class _Reached(NamedTuple):
    """How a side has come to a node: over which step of which weight from where, and how far down the lists it was."""

    step: Step | None = None
    weight: float = 0.0
    near: Key | None = None
    rank: int = 0


@dataclass(slots=True)
class _Side:
    reached: dict[Key, _Reached]
    frontier: list[Key]
    level: int = 0

    @classmethod
    def at(cls, root: Root) -> _Side:
        return cls({root[:2]: _Reached()}, [root[:2]])

    def back(self, at: Key | None) -> Iterator[Key]:
        """Yield the nodes from one that was reached to where the side began."""
        while at:
            yield at
            at = self.reached[at].near

    def edge(self, shop: str, at: Key) -> Edge:
        """Return the edge that led to a node, in its own direction."""
        step, weight, near, _ = self.reached[at]
        if step is None or near is None:
            raise ValueError("no edge leads to where a side began")
        source, target = (uid(kind, shop, id) for kind, id in ((at, near) if step.back else (near, at)))
        return Edge(source, target, step.edge, weight)


@dataclass(slots=True)
class _Search:
    patience: Patience
    shop: str
    kinds: Sequence[str]
    truncated: bool = False
    met: list[Key] = field(default_factory=list)

    def widen(self, side: _Side, other: _Side) -> None:
        """Let a side take one more step; note where it meets the other."""
        most, nodes = (_FAR if side.level else _NEAR), gone_on_from(self.patience, self.shop, side.frontier)
        self.truncated |= len(side.frontier) > len(nodes)
        found: list[tuple[int, Key]] = []
        around = edges_around(self.patience, self.shop, nodes, self.kinds, most, through=side.level > 0)
        for near, step, rows, more in around:
            self.truncated |= more
            found += self._reach(side, near, step, rows)
        side.level += 1
        side.frontier = [at for _, at in sorted(found)]
        self.met = sorted({at for at in side.frontier if at in other.reached})

    def _reach(self, side: _Side, near: Key, step: Step, rows: Sequence[dict[str, Any]]) -> Iterator[tuple[int, Key]]:
        for place, row in enumerate(rows):
            far = (step.far, row["id"])
            if far not in side.reached:
                rank = side.reached[near].rank + place
                side.reached[far] = _Reached(step, float(row["weight"]), near, rank)
                yield rank, far


def connect(patience: Patience, shop: str, ends: tuple[Root, Root], *, kinds: Sequence[str], longest: int) -> Ways:
    """Return the shortest ways from one root to another, as the port says, ten at most."""
    search = _Search(patience, shop, kinds)
    one, other = sides = tuple(map(_Side.at, ends))
    for step in range(longest):
        side, far = sides if step % 2 == 0 else sides[::-1]
        search.widen(side, far)
        if search.met or not side.frontier:
            break
    met = sorted(search.met, key=lambda at: (one.reached[at].rank + other.reached[at].rank, at))
    lines = [(list(one.back(at))[::-1], list(other.back(at))) for at in met]
    shortest = min((len(there) + len(back) for there, back in lines), default=0)  # an edge may be known at one end only
    chosen = [line for line in lines if sum(map(len, line)) == shortest][:MOST]
    nodes = _nodes(patience, shop, ends, {at for line in chosen for part in line for at in part})
    ways = tuple(_way(shop, sides, line, nodes) for line in chosen)
    return Ways(ways, search.truncated, patience.partial)


def check(ends: Sequence[tuple[str, str]], kinds: Sequence[str], longest: int) -> None:
    """Raise InvalidInputError unless a way between such ends can be asked for."""
    if unknown := {kind for kind, _ in ends} - STEPS.keys():
        raise InvalidInputError(f"a way leads between {', '.join(sorted(STEPS))}, not {', '.join(sorted(unknown))}")
    if len(set(ends)) == 1:
        raise InvalidInputError("a way leads from one node to another, not to itself")
    if not 1 <= longest <= LONGEST:
        raise InvalidInputError(f"a way is from 1 to {LONGEST} steps long")
    check_kinds(kinds)


def _nodes(patience: Patience, shop: str, ends: Sequence[Root], keys: Iterable[Key]) -> dict[Key, Node]:
    called = {root[:2]: root[2] for root in ends}
    unnamed = [Node(uid(kind, shop, id), kind, id, called.get((kind, id), ""), 0) for kind, id in sorted(keys)]
    return {(node.kind, node.id): node for node in named(patience, shop, unnamed)}


def _way(shop: str, sides: Sequence[_Side], line: tuple[list[Key], list[Key]], nodes: Mapping[Key, Node]) -> Way:
    """Return a way from where one side began to where both met, and on to where the other began."""
    (one, other), (there, back) = sides, line
    told = tuple(replace(nodes[at], depth=depth) for depth, at in enumerate([*there, *back[1:]]))
    edges = [one.edge(shop, at) for at in there[1:]] + [other.edge(shop, at) for at in back[:-1]]
    known = {node.uid: node for node in told}
    words = tuple(said(edge.kind, known[edge.source], known[edge.target], edge.weight) for edge in edges)
    return Way(told, tuple(edges), words)
