"""Rows that analysts take out, a plain mapping each: nodes and edges, trends, offers, members of communities."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from decimal import Decimal
from functools import partial
from typing import Any

from shared.clock import Clock, from_ms, to_ms
from shared.contracts.values import from_minor_units
from shared.decisions import under_rules
from shared.history.port import History, TrendRow
from shared.knowledge.communities import said
from shared.knowledge.pages import pages
from shared.knowledge.port import KnowledgeReader
from shared.knowledge.recommend import recommend
from shared.knowledge.rows import Facts, Interested, Named, Purchased, Reacted, Row, RowKey
from shared.knowledge.tables import TABLES

Rows = Iterator[dict[str, Any]]
MOST_TRENDS = 10_000  # rows: beyond, ask for less at a time
FIGURES = ("count", "quantity", "revenue", "buyers")  # of a period, that another is compared with
_PAGE = 500


def graph(knowledge: KnowledgeReader, shop: str) -> Rows:
    """Yield a shop's nodes, then its edges: what happened, without what is derived from it."""
    for wanted in (True, False):
        for key, row in knowledge.rows(shop):
            if TABLES[key[0]].is_node is wanted:
                yield _node(key, row) if wanted else _edge(key, row)


def trends(found: Iterable[TrendRow]) -> Rows:
    """Yield trends."""
    return (_trend(asdict(row)) for row in found)


def compared(found: Iterable[Mapping[str, Any]]) -> Rows:
    """Yield trends that were compared; what the period before had, and the change since, in columns of their own."""
    for row in found:
        beside = {
            f"{name}_{figure}": row[name] and row[name][figure] for name in ("previous", "change") for figure in FIGURES
        }
        yield _trend({**row, **beside})


def recommendations(
    knowledge: KnowledgeReader, history: History, clock: Clock, shop: str, users: Iterable[str], limit: int
) -> Rows:
    """Yield what to offer users: a row for each item of both slates."""
    for user_id in users:
        insight = under_rules(knowledge.insight(shop, user_id), to_ms(clock.now()), knowledge, history)
        decided = recommend(insight, limit)
        for slate in ("buy_again", "discover"):
            for rank, item in enumerate(getattr(decided, slate), 1):
                head = {"user_id": user_id, "slate": slate, "rank": rank, "decision_id": decided.decision_id}
                told = {"product_id": item.product.product_id, "name": item.as_json()["name"]}
                yield {**head, **told, "score": item.score, "reason": item.reason}


def communities(knowledge: KnowledgeReader, shop: str) -> Rows:
    """Yield who is in which community of interest: a row for each member, the largest community first."""
    for each in knowledge.communities(shop):
        head = {"community": each.id, "words": said(each.products), "members": each.members}
        for page in pages(partial(knowledge.members, shop, each.id), _PAGE):
            yield from ({**head, "user_id": user} for user in page)


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


def _trend(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Decimal) else value for name, value in row.items()}
