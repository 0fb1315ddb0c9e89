"""Finds how two nodes are connected: from both ends, a step at a time, bounded in length, breadth and time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from shared.errors import InvalidInputError
from shared.knowledge.insight import Edge, Node, Way, Ways
from shared.knowledge.neighbourhoods import STEPS, Step, check_kinds, name_of
from shared.knowledge.patience import Patience
from shared.knowledge.rows import uid
from shared.knowledge.words import said

LONGEST, MOST = 6, 10
_BREADTH = 12  # nodes of a level that are gone on from
_NEAR, _FAR = 500, 60  # edges of a kind that are followed: from an end, and from what lies between

Root = tuple[str, str, str]  # kind, id, name


class _Reached(NamedTuple):
    """A node that a side has come to: as what, over which step from where, and how far down the lists it stood."""

    kind: str
    row: dict[str, Any]
    step: Step | None = None
    near: str = ""
    rank: int = 0

    def node(self, at: str, depth: int) -> Node:
        """Return the node; what a product is called is only looked up for those that are shown."""
        name = name_of(self.kind, self.row) if self.step else self.row["name"]
        return Node(at, self.kind, self.row["id"], name, depth)

    def edge(self, at: str) -> Edge:
        """Return the edge that led here, in its own direction."""
        step = self.step
        if step is None:
            raise ValueError("no edge leads to where a side began")
        source, target = (at, self.near) if step.back else (self.near, at)
        return Edge(source, target, step.edge, float(self.row["weight"]))


@dataclass(slots=True)
class _Side:
    reached: dict[str, _Reached]
    frontier: list[str]
    level: int = 0

    @classmethod
    def at(cls, shop: str, root: Root) -> _Side:
        kind, id, name = root
        start = uid(kind, shop, id)
        return cls({start: _Reached(kind, {"id": id, "name": name})}, [start])

    def back(self, at: str) -> Iterator[str]:
        """Yield the nodes from one that was reached to where the side began."""
        while at:
            yield at
            at = self.reached[at].near


@dataclass(slots=True)
class _Search:
    patience: Patience
    kinds: Sequence[str]
    truncated: bool = False
    met: list[str] = field(default_factory=list)

    def widen(self, side: _Side, other: _Side) -> None:
        """Let a side take one more step; note where it meets the other."""
        most = _FAR if side.level else _NEAR
        self.truncated |= len(side.frontier) > _BREADTH
        found: list[tuple[int, str]] = []
        for near in side.frontier[:_BREADTH]:
            for step in STEPS[side.reached[near].kind]:
                if not self.kinds or step.edge in self.kinds:
                    found += self._follow(side, near, step, most)
        side.level += 1
        side.frontier = [at for _, at in sorted(found)]
        self.met = sorted({at for at in side.frontier if at in other.reached})

    def _follow(self, side: _Side, near: str, step: Step, most: int) -> Iterator[tuple[int, str]]:
        rows = self.patience.ask(step.statement, {"uid": near, "limit": most + 1})
        self.truncated |= len(rows) > most
        for place, row in enumerate(rows[:most]):
            if row["far"] not in side.reached:
                rank = side.reached[near].rank + place
                side.reached[row["far"]] = _Reached(step.far, row, step, near, rank)
                yield rank, row["far"]


def connect(patience: Patience, shop: str, ends: tuple[Root, Root], *, kinds: Sequence[str], longest: int) -> Ways:
    """Return the shortest ways from one root to another, as the port says, ten at most."""
    search = _Search(patience, kinds)
    one, other = sides = tuple(_Side.at(shop, root) for root in ends)
    for step in range(longest):
        side, far = sides if step % 2 == 0 else sides[::-1]
        search.widen(side, far)
        if search.met or not side.frontier:
            break
    met = sorted(search.met, key=lambda at: (one.reached[at].rank + other.reached[at].rank, at))
    found = [_way(one, other, at) for at in met]
    shortest = min((len(way.edges) for way in found), default=0)  # an edge may be known at one of its ends only
    ways = tuple(way for way in found if len(way.edges) == shortest)
    return Ways(ways[:MOST], search.truncated, patience.partial)


def check(ends: Sequence[tuple[str, str]], kinds: Sequence[str], longest: int) -> None:
    """Raise InvalidInputError unless a way between such ends can be asked for."""
    if unknown := {kind for kind, _ in ends} - STEPS.keys():
        raise InvalidInputError(f"a way leads between {', '.join(sorted(STEPS))}, not {', '.join(sorted(unknown))}")
    if len(set(ends)) == 1:
        raise InvalidInputError("a way leads from one node to another, not to itself")
    if not 1 <= longest <= LONGEST:
        raise InvalidInputError(f"a way is from 1 to {LONGEST} steps long")
    check_kinds(kinds)


def _way(one: _Side, other: _Side, met: str) -> Way:
    there, back = list(one.back(met))[::-1], list(other.back(met))[1:]
    reached = [(at, one.reached[at]) for at in there] + [(at, other.reached[at]) for at in back]
    nodes = tuple(each.node(at, depth) for depth, (at, each) in enumerate(reached))
    edges = [one.reached[at].edge(at) for at in there[1:]]
    edges += [other.reached[at].edge(at) for at in list(other.back(met))[:-1]]
    named = {node.uid: node for node in nodes}
    words = tuple(said(edge.kind, named[edge.source], named[edge.target], edge.weight) for edge in edges)
    return Way(nodes, tuple(edges), words)
