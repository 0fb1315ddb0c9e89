"""What was decided for a person and on what, kept under the decision's id: "why did they get this?" has an answer."""

from __future__ import annotations

from shared.errors import ConflictError
from shared.history.port import Documents
from shared.knowledge.insight import Insight
from shared.knowledge.recommend import Recommendation, inputs

DECISIONS = "decisions"


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
