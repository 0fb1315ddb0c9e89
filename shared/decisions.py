"""What was decided for a person and on what, kept under the decision's id: "why did they get this?" has an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from shared.clock import to_ms
from shared.courtesy import answering
from shared.errors import ConflictError
from shared.history.port import Documents
from shared.knowledge.insight import Insight, Rule
from shared.knowledge.port import KnowledgeReader
from shared.knowledge.recommend import Recommendation, inputs, recommend

DECISIONS, RULEBOOKS = "decisions", "rulebooks"


def decided(
    shop: str,
    user_id: str,
    knowledge: KnowledgeReader,
    documents: Documents,
    *,
    now: datetime,
    at: datetime | None = None,
    limit: int = 10,
) -> tuple[Insight, Recommendation]:
    """Return what is known of a user, now or at a moment of the past, and what to offer them under the shop's rules.

    Work in the background gives way meanwhile.

    Raises:
        UnavailableError: the graph or the documents do not answer.
    """
    with answering():
        insight = knowledge.insight(shop, user_id, to_ms(at) if at else None)
        insight = under_rules(insight, to_ms(at or now), knowledge, documents)
        return insight, recommend(insight, limit)


def under_rules(insight: Insight, at: int, knowledge: KnowledgeReader, documents: Documents) -> Insight:
    """Return an insight with the shop's rules that are in force at a moment (ms); what is decided on it obeys them.

    Raises:
        UnavailableError: the graph or the documents do not answer.
    """
    book = documents.get(RULEBOOKS, insight.shop, insight.shop)
    said = [each for each in (book.body["rules"] if book else ()) if _in_force(each, at)]
    return replace(insight, rules=tuple(_rule(each, insight, knowledge) for each in said)) if said else insight


def _in_force(said: Mapping[str, Any], at: int) -> bool:
    return int(said["starts_at"]) <= at and (said["ends_at"] is None or at < int(said["ends_at"]))


def _rule(said: Mapping[str, Any], insight: Insight, knowledge: KnowledgeReader) -> Rule:
    product_id = said["product_id"]
    pins = said["action"] == "pin" and product_id is not None
    return Rule(
        rule_id=said["rule_id"],
        action=said["action"],
        product_id=product_id,
        category=tuple(said["category"]),
        price_from=_decimal(said["price_from"]),
        price_to=_decimal(said["price_to"]),
        currency=said["currency"],
        factor=float(said["factor"]),
        pinned=knowledge.product(insight.shop, product_id) if pins else None,
    )


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def keep_decision(insight: Insight, recommendation: Recommendation, documents: Documents) -> None:
    """Keep a decision and its inputs: enough to answer why, and to decide it again. A known one stays as it is.

    Raises:
        UnavailableError: it was not kept.
    """
    body = {
        "user_id": insight.user_id,
        "at": insight.at,
        "served_by": recommendation.served_by,
        "buy_again": [item.as_json() for item in recommendation.buy_again],
        "discover": [item.as_json() for item in recommendation.discover],
        "insight": inputs(insight).decode(),
    }
    try:
        documents.put(DECISIONS, insight.shop, recommendation.decision_id, body, expect=0)
    except ConflictError:
        return  # the same inputs decided before: nothing new to keep
