"""What the intake takes and answers, as its OpenAPI document tells it; what counts is the contract of the events."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.ingest.model import KIND_OF_TYPE
from shared.contracts.events import (
    InterestExpressed,
    ProductUpdated,
    PurchaseRecorded,
    PurchaseRefunded,
    RefundLine,
    UserUpdated,
)
from shared.contracts.values import Id, Moment
from shared.web.problems import Wrong

MOST = 500  # items of one body; a stream has no such bound

_TIME = "when it happened; left out: now, and a retry under the same id is still the same event"
_ID = "names the event, so that a retry is one; left out: made from the content and its time"
OptionalTime = Annotated[Moment | None, Field(description=_TIME)]
OptionalId = Annotated[Id | None, Field(description=_ID)]


def _config(**example: Any) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [example]})


class Purchase(PurchaseRecorded):
    """A user bought something."""

    model_config = _config(
        purchase_id="o-1",
        user_id="u-1",
        purchased_at="2026-05-03T10:00:00Z",
        currency="EUR",
        lines=[{"product_id": "p-1", "quantity": 2, "unit_price": "3.90", "name": "Green tea", "categories": ["Tea"]}],
    )


class Refund(PurchaseRefunded):
    """A purchase, or a part of it, was taken back; without lines, all that is left of it."""

    model_config = _config(
        refund_id="r-1",
        purchase_id="o-1",
        user_id="u-1",
        refunded_at="2026-05-04T10:00:00Z",
        currency="EUR",
        lines=[{"product_id": "p-1", "quantity": 1, "amount": "3.90"}],
    )

    lines: Annotated[tuple[RefundLine, ...] | None, Field(min_length=1, max_length=500)] = None  # type: ignore[assignment]


class Interest(InterestExpressed):
    """A user showed interest in a named thing or in a product; give one of the two."""

    model_config = _config(user_id="u-1", name="tea", kind="stated", score=0.9, expressed_at="2026-05-03T10:00:00Z")

    interest_id: OptionalId = None  # type: ignore[assignment]
    expressed_at: OptionalTime = None  # type: ignore[assignment]


class Product(ProductUpdated):
    """The catalogue says what a product is; a field left out keeps what was known."""

    model_config = _config(product_id="p-1", name="Green tea", categories=["Grocery", "Tea"], price=3.9, currency="EUR")

    event_id: OptionalId = None  # type: ignore[assignment]
    updated_at: OptionalTime = None  # type: ignore[assignment]


class User(UserUpdated):
    """A user's traits, contact, locale or consent; a field left out keeps what was known."""

    model_config = _config(user_id="u-1", traits={"plan": "gold"}, contact={"email": "ann@shop.example"}, locale="en")

    event_id: OptionalId = None  # type: ignore[assignment]
    updated_at: OptionalTime = None  # type: ignore[assignment]


class CloudEvent(BaseModel):
    """A CloudEvent 1.0 in structured JSON; its data is one of the objects above."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "specversion": "1.0",
                    "id": "e-1",
                    "source": "/my-shop",
                    "type": "com.tastegraph.interest.expressed.v1",
                    "time": "2026-05-03T10:00:00Z",
                    "data": {"user_id": "u-1", "name": "tea"},
                }
            ]
        }
    )

    specversion: Literal["1.0"]
    id: Annotated[str, Field(min_length=1, description="with the source: its identity")]
    source: Annotated[str, Field(min_length=1)]
    type: Annotated[str, Field(json_schema_extra={"enum": sorted(KIND_OF_TYPE)})]
    time: Annotated[str | None, Field(description="stands for the data's own time if that is left out")] = None
    data: dict[str, Any]


class SegmentCall(BaseModel):
    """A call of Segment's spec; see docs/intake.md for the events that mean something here."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "track",
                    "event": "Product Viewed",
                    "userId": "u-1",
                    "messageId": "m-1",
                    "timestamp": "2026-05-03T10:00:00Z",
                    "properties": {"product_id": "p-1"},
                }
            ]
        },
    )

    userId: str  # noqa: N815 (Segment's own name)
    type: str | None = None
    event: str | None = None
    messageId: str | None = None  # noqa: N815 (as above)
    timestamp: str | None = None
    properties: dict[str, Any] | None = None
    traits: dict[str, Any] | None = None


class SegmentBatch(BaseModel):
    """Several calls of Segment's spec."""

    model_config = ConfigDict(extra="allow")

    batch: Annotated[list[SegmentCall], Field(min_length=1, max_length=MOST)]


class Place(BaseModel):
    """Where an event stands in the log."""

    topic: str = Field(examples=["commerce.purchases.v1"])
    partition: int
    offset: int


class ItemProblem(BaseModel):
    """What is wrong with an item."""

    title: str = Field(examples=["invalid item"])
    detail: str = Field(examples=["the item breaks its contract"])
    errors: list[Wrong] | None = None


class Item(BaseModel):
    """What became of one item."""

    index: int = Field(description="its place in the body, from 0")
    outcome: Literal["accepted", "duplicate", "conflict", "rejected"]
    id: str | None = Field(description="the event's id", examples=["o-1"])
    event: Place | None = None
    problem: ItemProblem | None = None


class TakenIn(BaseModel):
    """What became of a body; of a stream only the rejected items are listed, 500 at most."""

    accepted: int
    duplicates: int
    conflicts: int
    rejected: int
    items: list[Item]


BODIES: dict[str, Any] = {
    kind: model | Annotated[list[model], Field(min_length=1, max_length=MOST)]  # type: ignore[valid-type]
    for kind, model in {
        "purchases": Purchase,
        "refunds": Refund,
        "interests": Interest,
        "products": Product,
        "users": User,
    }.items()
}
EVENTS = CloudEvent | Annotated[list[CloudEvent], Field(min_length=1, max_length=MOST)]
SEGMENT: dict[str, Any] = {"track": SegmentCall, "identify": SegmentCall, "batch": SegmentBatch}
