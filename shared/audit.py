"""The audit trail: who did what to keys, templates, rules, campaigns, erasures and the graph; it is only ever added to.

It holds names of credentials and things, never secrets, contents, or who a person is (an erasure is named by its job).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Literal

from shared.clock import Clock, to_ms
from shared.history.port import Document, Documents, Page

COLLECTION = "audit"
CLI, GRAPH = "command line", "graph service"  # who acts when no credential does
Action = Literal[
    "key.created",
    "key.rotated",
    "key.revoked",
    "template.drafted",
    "template.published",
    "user.erased",
    "user.exported",
    "rule.made",
    "rule.removed",
    "campaign.begun",
    "campaign.steered",
    "export.begun",
    "deadletter.replayed",
    "graph.rebuilt",
    "graph.repaired",
    "graph.restored",
]


def note(
    documents: Documents,
    clock: Clock,
    shop: str,
    actor: str,
    action: Action,
    target: str = "",
    correlation_id: str = "",
    detail: str = "",
) -> None:
    """Add to a shop's trail what was done just now.

    Raises:
        UnavailableError: it could not be written.
    """
    body = {
        "at": to_ms(clock.now()),
        "actor": actor,
        "action": action,
        "target": target,
        "detail": detail,
        "correlation_id": correlation_id,
    }
    documents.put(COLLECTION, shop, uuid.uuid4().hex, body, expect=0)


def note_for_all(documents: Documents, clock: Clock, shops: Iterable[str], actor: str, action: Action) -> None:
    """Add to the trail of each shop what was done to what all of them share.

    Raises:
        UnavailableError: it could not be written.
    """
    for shop in shops:
        note(documents, clock, shop, actor, action)


def trail(documents: Documents, shop: str, *, page_token: str = "", page_size: int = 100) -> Page[Document]:
    """Return a page of a shop's trail, newest first."""
    return documents.find(COLLECTION, shop, page_token=page_token, page_size=page_size)
