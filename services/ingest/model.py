"""Payload → event: validation, the ids that retries keep, and the bounds of time. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import rfc8785
from pydantic import ValidationError

from shared.contracts import events
from shared.contracts.codec import ASSUMED, Envelope, digest, violations_of
from shared.contracts.events import Kind
from shared.contracts.values import Model
from shared.errors import InvalidInputError, Violation

_OLDEST, _AHEAD = timedelta(days=5 * 365 + 2), timedelta(minutes=10)


@dataclass(frozen=True)
class Intake:
    """How one kind of item becomes an event: its contract, and the names of its id, time and subject."""

    contract: type[Model]
    id: str
    time: str
    subject: str
    derives_id: bool = True

    @property
    def ledger_kind(self) -> Kind:
        """The kind under which the ledger keeps its events."""
        kind: Kind = self.contract.ledger_kind  # type: ignore[attr-defined]
        return kind


INTAKES: dict[str, Intake] = {
    "purchases": Intake(events.PurchaseRecorded, "purchase_id", "purchased_at", "user_id", derives_id=False),
    "refunds": Intake(events.PurchaseRefunded, "refund_id", "refunded_at", "user_id", derives_id=False),
    "interests": Intake(events.InterestExpressed, "interest_id", "expressed_at", "user_id"),
    "products": Intake(events.ProductUpdated, "event_id", "updated_at", "product_id"),
    "users": Intake(events.UserUpdated, "event_id", "updated_at", "user_id"),
}
KIND_OF_TYPE: dict[str, str] = {intake.contract.type: kind for kind, intake in INTAKES.items()}


@dataclass(frozen=True, slots=True)
class Fact:
    """A valid item: its event, and the name of the field that the shop left out and we assumed (its time), if any."""

    kind: str
    event: Model
    assumed: str = ""

    @property
    def id(self) -> str:
        """The event's id."""
        return str(getattr(self.event, INTAKES[self.kind].id))

    @property
    def digest(self) -> str:
        """The digest of what the shop said."""
        return digest(self.event, without=self.assumed or None)

    def envelope(self, shop: str, now: datetime, correlation_id: str) -> Envelope[Any]:
        """Return the event in its envelope."""
        extensions = {ASSUMED: self.assumed} if self.assumed else {}
        subject = getattr(self.event, INTAKES[self.kind].subject)
        return Envelope(shop, self.id, subject, now.isoformat(), self.event, correlation_id, extensions)


def to_fact(shop: str, kind: str, value: Any, now: datetime, *, backfill: bool = False) -> Fact:
    """Return an item as a fact; see `to_event`. One that could not even be read is the error itself.

    Raises:
        InvalidInputError: it breaks the contract; says where and how.
    """
    if isinstance(value, InvalidInputError):
        raise value
    event = to_event(shop, kind, value, now, backfill=backfill)
    intake = INTAKES[kind]
    return Fact(kind, event, "" if intake.time in value else intake.time)


def to_event(shop: str, kind: str, value: Any, now: datetime, *, backfill: bool = False) -> Model:
    """Return the event that an item of a kind is.

    An item without a time happened now; one without an id gets its content's digest, so that a retry is a duplicate.

    Args:
        backfill: take any time of the past, not five years only.

    Raises:
        InvalidInputError: it breaks the contract; says where and how.
    """
    intake = INTAKES[kind]
    if not isinstance(value, Mapping):
        raise InvalidInputError("an item is a JSON object", [Violation("", "must be an object")])
    _refuse_foreign(shop, value)
    try:
        event = intake.contract.model_validate(_completed(intake, value, now), extra="forbid")
    except ValidationError as error:
        raise InvalidInputError("the item breaks its contract", violations_of(error)) from None
    _check_time(getattr(event, intake.time), now, f"/{intake.time}", backfill=backfill)
    return event


def _refuse_foreign(shop: str, value: Mapping[str, Any]) -> None:
    if names_other_shop(shop, value):
        pointer = "/shop" if value.get("shop", shop) != shop else "/shop_id"
        raise InvalidInputError("the shop comes from the credential", [Violation(pointer, "is not yours")])


def names_other_shop(shop: str, value: Any) -> bool:
    """Say whether an item claims to be of another shop than the credential's."""
    return isinstance(value, Mapping) and any(value.get(name, shop) != shop for name in ("shop", "shop_id"))


def _completed(intake: Intake, value: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
    if not intake.derives_id or (intake.id in value and intake.time in value):
        return value
    if intake.id in value:
        return {**value, intake.time: now.isoformat()}
    timed = value if intake.time in value else {**value, intake.time: now.isoformat()}
    return {**timed, intake.id: _content_id(timed)}


def _content_id(value: Mapping[str, Any]) -> str:
    try:
        return hashlib.sha256(rfc8785.dumps(dict(value))).hexdigest()[:32]
    except rfc8785.CanonicalizationError as error:
        raise InvalidInputError(f"the item cannot be told apart from others: {error}") from None


def _check_time(moment: datetime, now: datetime, pointer: str, *, backfill: bool) -> None:
    if moment > now + _AHEAD:
        raise InvalidInputError("the time is in the future", [Violation(pointer, "must not be in the future")])
    if not backfill and moment < now - _OLDEST:
        detail = "must not be over five years ago; use `tastegraph import` for a backfill"
        raise InvalidInputError("the time is too long ago", [Violation(pointer, detail)])
