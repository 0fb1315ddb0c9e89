"""Every topic: what it carries and who writes and reads it. The one table that code, CLI and documentation share."""

from __future__ import annotations

from dataclasses import dataclass

from shared.contracts import events, requests
from shared.contracts.values import Model

PURCHASES = "commerce.purchases.v1"
INTERESTS = "commerce.interests.v1"
PRODUCTS = "commerce.products.v1"
USERS = "commerce.users.v1"
EMAIL_REQUESTS = "marketing.email-requests.v1"
EMAILS = "marketing.emails.v1"
BOARD_REQUESTS = "marketing.board-requests.v1"
BOARDS = "marketing.boards.v1"
GRAPH_REQUESTS = "graph.requests.v1"
REPLIES = "gateway.replies.v1"

COMMERCE = (PURCHASES, INTERESTS, PRODUCTS, USERS)

_HOURS = 3_600_000  # in milliseconds
_DAYS = 24 * _HOURS
LARGEST_MESSAGE = 2 << 20  # bytes of a record, key and headers included
LARGEST_LETTER = LARGEST_MESSAGE + (64 << 10)  # a dead letter carries the whole original, and the reason


@dataclass(frozen=True)
class Topic:
    """A topic's contract. Its key is `shop|subject` (the user, or the product), so that one subject keeps its order.

    Where the engine knows such things it has so many `partitions`, keeps a message for `retention_ms`, and if
    `compacted` keeps only the last of each key. None is compacted: events are facts, and partial updates add up.
    """

    name: str
    carries: tuple[type[Model], ...]
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    dead_letters: bool = True
    partitions: int = 8
    retention_ms: int = 30 * _DAYS  # the ledger is the record; the log only has to outlast an outage
    compacted: bool = False
    largest: int = LARGEST_MESSAGE


TOPICS: dict[str, Topic] = {
    topic.name: topic
    for topic in (
        Topic(PURCHASES, (events.PurchaseRecorded, events.PurchaseRefunded), ("ingest",), ("graph",)),
        Topic(INTERESTS, (events.InterestExpressed,), ("ingest", "gateway"), ("graph",)),
        Topic(PRODUCTS, (events.ProductUpdated,), ("ingest",), ("graph",)),
        Topic(USERS, (events.UserUpdated, events.UserErased), ("ingest", "gateway"), ("graph",)),
        Topic(
            EMAIL_REQUESTS,
            (requests.EmailRequested, requests.TemplateCheckRequested),
            ("gateway", "marketing tools"),
            ("email",),
            retention_ms=7 * _DAYS,
        ),
        Topic(
            EMAILS,
            (requests.EmailGenerated, requests.EmailSkipped),
            ("email",),
            ("marketing tools",),
            dead_letters=False,
            retention_ms=7 * _DAYS,
        ),
        Topic(
            BOARD_REQUESTS,
            (requests.BoardRequested,),
            ("gateway", "marketing tools"),
            ("visionboard",),
            retention_ms=7 * _DAYS,
        ),
        Topic(
            BOARDS,
            (requests.BoardGenerated,),
            ("visionboard",),
            ("marketing tools",),
            dead_letters=False,
            retention_ms=7 * _DAYS,
        ),
        Topic(
            GRAPH_REQUESTS,
            (requests.GraphWorkRequested,),
            ("gateway",),
            ("graph",),
            partitions=1,  # one piece of such work at a time
            retention_ms=24 * _HOURS,
        ),
        Topic(
            REPLIES,
            (requests.Replied,),
            ("email", "visionboard", "graph"),
            ("gateway",),
            dead_letters=False,
            partitions=4,
            retention_ms=24 * _HOURS,
        ),
    )
}

TOPIC_OF_TYPE: dict[str, str] = {contract.type: topic.name for topic in TOPICS.values() for contract in topic.carries}
CONTRACT_OF_TYPE: dict[str, type[Model]] = {
    contract.type: contract for topic in TOPICS.values() for contract in topic.carries
}


def dead_letter_topic(topic: str) -> str:
    """Return the name of the topic that keeps what could not be processed from this one."""
    return f"{topic}.dlt"
