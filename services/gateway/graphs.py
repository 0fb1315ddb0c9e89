"""The graph's answers as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from shared.knowledge.insight import Alike, Neighbourhood, Node, Ways
from shared.knowledge.names import tidy


def alike(one: Alike) -> Mapping[str, Any]:
    """Return similar users or products as JSON."""
    return {"items": one.neighbours, "partial": one.partial}


def neighbourhood(one: Neighbourhood) -> Mapping[str, Any]:
    """Return a piece of the graph as JSON."""
    bounds = {"truncated": one.truncated, "partial": one.partial}
    return {"nodes": _nodes(one.nodes), "edges": [asdict(edge) for edge in one.edges], **bounds}


def ways(one: Ways) -> Mapping[str, Any]:
    """Return how two nodes are connected as JSON."""
    found = [
        {"nodes": _nodes(way.nodes), "edges": [asdict(edge) for edge in way.edges], "words": way.words}
        for way in one.ways
    ]
    return {"items": found, "truncated": one.truncated, "partial": one.partial}


def _nodes(nodes: Iterable[Node]) -> list[Mapping[str, Any]]:
    """Return nodes as JSON; people are called as the shop calls them."""
    return [{**asdict(node), "title": node.name if node.kind == "user" else tidy(node.name)} for node in nodes]
