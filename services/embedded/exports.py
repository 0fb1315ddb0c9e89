"""What can be taken out as tables: the graph, trends, recommendations; row by row, so that none is too large."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from services.embedded.arguments import known_shop, moment_of
from services.embedded.runtime import Runtime
from shared.clock import from_ms, to_ms
from shared.contracts.values import from_minor_units
from shared.decisions import under_rules
from shared.errors import UsageError
from shared.history.port import TrendQuery, TrendRow
from shared.knowledge.communities import said
from shared.knowledge.recommend import recommend
from shared.knowledge.rows import Facts, Interested, Named, Purchased, Reacted, Row, RowKey
from shared.knowledge.tables import TABLES

Arguments = Mapping[str, Any]
Lines = Iterator[dict[str, Any]]

_MOST_TRENDS, _PAGE = 10_000, 500
_PERIODS = ("day", "week", "month")
_DIMENSIONS = ("total", "product", "category", "interest")


def export_graph(runtime: Runtime, arguments: Arguments) -> Lines:
    """Yield a shop's nodes, then its edges: what happened, without what is derived from it."""
    shop = known_shop(runtime, arguments["shop"])
    runtime.settle()
    for wanted in (True, False):
        for key, row in runtime.engines.knowledge.rows(shop):
            if TABLES[key[0]].is_node is wanted:
                yield {"result": _node(key, row) if wanted else _edge(key, row)}


def _node(key: RowKey, row: Row) -> dict[str, Any]:
    properties = _properties(row)
    name = properties.pop("name", None) or key[2]
    return {"node": f"{key[0]}:{key[2]}", "kind": key[0], "id": key[2], "name": name, "properties": _text(properties)}


def _edge(key: RowKey, row: Row) -> dict[str, Any]:
    table = TABLES[key[0]]
    ends = {"source": f"{table.source}:{key[2]}", "target": f"{table.target}:{key[3]}"}
    return {**ends, "kind": key[0], "properties": _text(_properties(row))}


def _properties(row: Row) -> dict[str, Any]:
    """Return what a row says, in units that people use: ISO times, decimal money and quantities."""
    match row:
        case Facts():
            return {name: fact[1] for name, fact in sorted(row.facts.items())}
        case Named():
            return {"name": row.name, "interest_kind": row.kind}
        case Purchased():
            return {
                "times": [_iso(at) for at in row.times],
                "quantity": row.quantity / 1000,
                "spend": str(from_minor_units(row.spend, row.currency)) if row.currency else "0",
                "refunded": row.refunded / 1000,
                "currency": row.currency,
            }
        case Interested():
            stated = None if row.stated < 0 else row.stated / 1000
            return {"stated": stated, "observed": row.observed / 1000, "at": _iso(row.at)}
        case Reacted():
            moments = {name: _iso(getattr(row, name)) for name in ("viewed_at", "wished_at", "dismissed_at")}
            return {"views": row.views, "rating": None if row.rating < 0 else row.rating / 1000, **moments}
        case _:
            return {}


def _iso(at: int) -> str | None:
    return from_ms(at).isoformat() if at else None


def _text(properties: Mapping[str, Any]) -> str:
    return json.dumps({name: value for name, value in properties.items() if value is not None}, ensure_ascii=False)


def export_trends(runtime: Runtime, arguments: Arguments) -> Lines:
    """Yield a shop's trends, oldest period first; the latest 10,000 rows at most."""
    by, period = arguments.get("by", "total"), arguments.get("period", "month")
    if by not in _DIMENSIONS or period not in _PERIODS:
        raise UsageError(f"--by takes {', '.join(_DIMENSIONS)}; --period takes {', '.join(_PERIODS)}")
    runtime.settle()
    since, until = (moment_of(arguments.get(name)) for name in ("since", "until"))
    query = TrendQuery(
        known_shop(runtime, arguments["shop"]),
        by,
        period,
        user_id=arguments.get("user"),
        since=to_ms(since) if since else None,
        until=to_ms(until) if until else None,
        limit=_MOST_TRENDS,
    )
    for row in runtime.engines.history.trends(query):
        yield {"result": _trend(row)}


def _trend(row: TrendRow) -> dict[str, Any]:
    numbers = {"count": row.count, "quantity": str(row.quantity), "revenue": str(row.revenue)}
    score = {"score": None if row.score is None else str(row.score)}
    return {"start": row.start, "key": row.key, **numbers, "currency": row.currency, "buyers": row.buyers, **score}


def export_recommendations(runtime: Runtime, arguments: Arguments) -> Lines:
    """Yield what to offer every user of a shop: a row for each item of both slates."""
    shop = known_shop(runtime, arguments["shop"])
    runtime.settle()
    for user_id in _users(runtime, shop):
        insight = runtime.engines.knowledge.insight(shop, user_id)
        now = to_ms(runtime.engines.clock.now())
        insight = under_rules(insight, now, runtime.engines.knowledge, runtime.engines.history)
        decided = recommend(insight, arguments.get("limit", 10))
        for slate in ("buy_again", "discover"):
            for rank, item in enumerate(getattr(decided, slate), 1):
                head = {"user_id": user_id, "slate": slate, "rank": rank, "decision_id": decided.decision_id}
                told = {"product_id": item.product.product_id, "name": item.as_json()["name"]}
                yield {"result": {**head, **told, "score": item.score, "reason": item.reason}}


def export_communities(runtime: Runtime, arguments: Arguments) -> Lines:
    """Yield who is in which community of interest: a row for each member, the largest community first."""
    shop, knowledge = known_shop(runtime, arguments["shop"]), runtime.engines.knowledge
    runtime.settle()
    runtime.graph.refresher.freshen(shop)
    for each in knowledge.communities(shop):
        head, after = {"community": each.id, "words": said(each.products), "members": each.members}, ""
        while page := knowledge.members(shop, each.id, after=after, limit=_PAGE):
            yield from ({"result": {**head, "user_id": user}} for user in page)
            after = page[-1]


def _users(runtime: Runtime, shop: str) -> Iterator[str]:
    after = ""
    while page := runtime.engines.knowledge.users(shop, after=after, limit=_PAGE):
        yield from page
        after = page[-1]


EXPORTS: dict[str, Callable[[Runtime, Arguments], Lines]] = {
    "export.graph": export_graph,
    "export.trends": export_trends,
    "export.communities": export_communities,
    "export.recommendations": export_recommendations,
}
