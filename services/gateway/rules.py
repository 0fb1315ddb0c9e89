"""The shop's business rules: kept together as one document, so that a decision reads them in one go."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from shared.clock import Clock, to_ms
from shared.contracts.values import CategoryPath, Currency, Id, Moment, Money, Text
from shared.decisions import RULEBOOKS
from shared.errors import ConflictError, InvalidInputError, NotFoundError, Violation
from shared.history.port import Documents
from shared.web.contract import Asked

MOST = 100
_ATTEMPTS = 20

Said = Mapping[str, Any]


class NewRule(Asked):
    """What to do with products of which all holds that is given; pins come in the order in which they were made."""

    action: Literal["boost", "pin", "exclude"] = Field(examples=["boost"])
    product_id: Id | None = Field(None, examples=[None])
    category: CategoryPath | None = Field(
        None, min_length=1, description="from broad to narrow", examples=[["Grocery", "Dairy"]]
    )
    price_from: Money | None = Field(None, examples=[None])
    price_to: Money | None = Field(None, examples=[None])
    currency: Currency | None = Field(None, description="of the prices", examples=[None])
    factor: float = Field(2.0, ge=0.1, le=10, description="of a boost: what a score is times")
    starts_at: Moment | None = Field(None, description="none: now", examples=[None])
    ends_at: Moment | None = Field(None, description="none: until it is removed", examples=[None])
    note: Text | None = Field(None, description="for people", examples=["summer of cheese"])

    @model_validator(mode="after")
    def _whole(self) -> Self:
        priced = self.price_from is not None or self.price_to is not None
        if not (self.product_id or self.category or priced):
            raise ValueError("give a product_id, a category or prices")
        if priced != (self.currency is not None):
            raise ValueError("prices need their currency, and a currency needs prices")
        if self.price_from is not None and self.price_to is not None and self.price_from > self.price_to:
            raise ValueError("price_from must not be above price_to")
        if self.starts_at and self.ends_at and self.starts_at >= self.ends_at:
            raise ValueError("starts_at must be before ends_at")
        if "factor" in self.model_fields_set and self.action != "boost":
            raise ValueError("a factor is for boosts")
        return self


@dataclass(frozen=True)
class Rulebook:
    """Keeps rules. Safe among processes: every write names the version that it replaces."""

    documents: Documents
    clock: Clock

    def rules(self, shop: str) -> list[Said]:
        """Return a shop's rules in the order made, those over or still to come too."""
        book = self.documents.get(RULEBOOKS, shop, shop)
        return list(book.body["rules"]) if book else []

    def rule(self, shop: str, id: str) -> Said:
        """Return one.

        Raises:
            NotFoundError: there is none.
        """
        found = next((each for each in self.rules(shop) if each["rule_id"] == id), None)
        if found is None:
            raise NotFoundError("there is no such rule")
        return found

    def add(self, shop: str, asked: NewRule) -> Said:
        """Keep a new rule behind the others.

        Raises:
            InvalidInputError: there are too many.
        """
        new = _said(asked, to_ms(self.clock.now()))

        def added(rules: list[Said]) -> list[Said]:
            if len(rules) >= MOST:
                raise InvalidInputError("too many rules", [Violation("", f"a shop has {MOST} at most: remove one")])
            return [*rules, new]

        self._change(shop, added)
        return new

    def remove(self, shop: str, id: str) -> None:
        """Remove a rule.

        Raises:
            NotFoundError: there is none.
        """
        self.rule(shop, id)
        self._change(shop, lambda rules: [each for each in rules if each["rule_id"] != id])

    def _change(self, shop: str, change: Callable[[list[Said]], list[Said]]) -> None:
        for _ in range(_ATTEMPTS):
            book = self.documents.get(RULEBOOKS, shop, shop)
            rules = change(list(book.body["rules"]) if book else [])
            try:
                self.documents.put(RULEBOOKS, shop, shop, {"rules": rules}, expect=book.version if book else 0)
            except ConflictError:  # somebody else changed a rule just now
                continue
            return
        raise ConflictError("the rules are changing all the time; try again")


def _said(asked: NewRule, now: int) -> dict[str, Any]:
    return {
        "rule_id": uuid.uuid4().hex,
        "action": asked.action,
        "product_id": asked.product_id,
        "category": list(asked.category or ()),
        "price_from": None if asked.price_from is None else str(asked.price_from),
        "price_to": None if asked.price_to is None else str(asked.price_to),
        "currency": asked.currency,
        "factor": asked.factor if asked.action == "boost" else 1.0,
        "starts_at": now if asked.starts_at is None else to_ms(asked.starts_at.astimezone(UTC)),
        "ends_at": None if asked.ends_at is None else to_ms(asked.ends_at.astimezone(UTC)),
        "note": asked.note,
    }
