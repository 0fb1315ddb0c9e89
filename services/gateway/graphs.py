"""The graph's answers as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from services.gateway.paging import page, sliced
from services.gateway.questions import Likeness
from shared.knowledge.communities import said
from shared.knowledge.insight import Alike, Community, Neighbourhood, Node, Ways
from shared.knowledge.names import tidy

MOST_ALIKE = 50
Answered = tuple[Mapping[str, Any], int, Mapping[str, str]]


def alike(one: Alike, asked: Likeness, question: str) -> Answered:
    """Return a page of similar users or products as JSON."""
    some, following = sliced(one.neighbours, question, asked.page_token, asked.limit)
    return page(some, following, partial=one.partial)


def community(one: Community) -> Mapping[str, Any]:
    """Return a community as JSON, with the words that it is called by."""
    typical = [{**asdict(each), "title": tidy(each.title)} for each in one.products]
    return {"id": one.id, "words": said(one.products), "members": one.members, "products": typical}


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
