"""What an edge of the graph says, as a sentence."""

from __future__ import annotations

from shared.knowledge.insight import Node
from shared.knowledge.names import tidy

_SAID = {
    "REACTED_TO": "{source} looked at {target}",
    "INTERESTED_IN": "{source} is interested in {target}",
    "SIMILAR_TO": "{source} buys much the same as {target}",
    "BOUGHT_WITH": "people who buy {source} also buy {target}",
    "ABOUT": "{source} is found under {target}",
    "WITHIN": "{source} is part of {target}",
}
_OFTEN = {0: "bought {target} and gave it back", 1: "bought {target} once", 2: "bought {target} twice"}


def said(kind: str, source: Node, target: Node, weight: float) -> str:
    """Return what an edge from a node to another says; people are called as the shop calls them."""
    names = {"source": _called(source), "target": _called(target), "count": round(weight)}
    if kind == "PURCHASED":
        return ("{source} " + _OFTEN.get(round(weight), "bought {target} {count} times")).format_map(names)
    if kind == "POPULAR_IN":
        return "{target} is popular in {source}: {count} bought it lately".format_map(names)
    return _SAID[kind].format_map(names)


def _called(node: Node) -> str:
    return node.name if node.kind == "user" else tidy(node.name)
