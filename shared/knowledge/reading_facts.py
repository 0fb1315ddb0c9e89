"""What an engine's records say, as the plain data of an insight, seen from one moment."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Any

from msgspec import Struct

from shared.contracts.events import Availability
from shared.contracts.values import from_minor_units
from shared.knowledge.insight import Bought, Interest, Product, Reaction
from shared.knowledge.rows import Facts, read_facts

FOREVER = 1 << 62  # ms: later than any event
Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Horizon:
    """What came after `until` is not seen; what came after the shop's own `present` counts as of then (ms)."""

    until: int
    present: int

    def shows(self, at: int) -> bool:
        """Say whether a moment (0: never) is seen."""
        return 0 < at <= self.until

    def moment(self, at: int) -> int | None:
        """Return a moment as it counts, or none if it is not seen."""
        return min(at, self.present) if self.shows(at) else None


class Purchase(Struct, frozen=True):
    """What a `PURCHASED` edge says: its times (ms, ascending), and sums in thousandths and in minor units of money."""

    product: Product
    times: tuple[int, ...]
    quantity: int
    spend: int
    refunded: int
    currency: str

    @classmethod
    def of(cls, record: Record) -> Purchase:
        """Return the purchase that a record of `bought_by` tells."""
        sums = record["quantity"], record["spend"], record["refunded"]
        return cls(product_of(record), tuple(record["times"] or ()), *sums, record["currency"])


def product_of(record: Record) -> Product:
    """Return the product that a record with `id`, `facts` and `popular` tells; it may say `newcomers` and `loyalty`."""
    drawing = record["popular"] or 0, record.get("newcomers") or 0.0, record.get("loyalty", 1.0)
    return Product(*(record["id"], *_told(record["facts"] or ""), *drawing))


@lru_cache(maxsize=1 << 14)
def _told(text: str) -> tuple[Any, ...]:
    """Return what facts tell of a product, in the order of its fields."""
    facts = read_facts(text)
    amount, currency = facts.value("price") or (None, None)
    price = Decimal(str(amount or 0)) or None  # a shop that keeps no prices says that everything costs nothing
    return (
        facts.value("name"),
        tuple(facts.value("categories") or ()),
        facts.value("brand"),
        tuple(facts.value("tags") or ()),
        price,
        currency if price else None,
        facts.value("url"),
        facts.value("image_url"),
        facts.value("availability") not in _UNAVAILABLE,
    )


_UNAVAILABLE = (Availability.OUT_OF_STOCK, Availability.DISCONTINUED)


def traits(facts: Facts) -> dict[str, str | int | bool | None]:
    """Return what is known of a user, by name, in order."""
    return {field.removeprefix("trait:"): facts.value(field) for field in sorted(facts.facts) if field[:6] == "trait:"}


def bought_of(purchase: Purchase, until: int) -> Bought | None:
    """Return a purchase up to a moment, or none if nothing had been bought by then.

    An edge keeps sums only: of those, the share of its purchases that had happened by then counts.
    """
    times = purchase.times
    seen = times[: bisect_right(times, until)]
    if not seen:
        return None
    quantity, refunded = _decimal(purchase.quantity), _decimal(purchase.refunded)
    spend = from_minor_units(purchase.spend, purchase.currency)
    if len(seen) < len(times):
        share = Decimal(len(seen)) / len(times)
        quantity, spend, refunded = quantity * share, spend * share, refunded * share
    return Bought(purchase.product, seen, quantity, spend, refunded)


def interest_of(record: Record, horizon: Horizon) -> Interest | None:
    """Return an interest edge, or none if it is later than what is seen."""
    at = horizon.moment(record["at"])
    if at is None:
        return None
    return Interest(
        interest_id=record["id"],
        kind=record["kind"],
        name=record["name"],
        stated=None if record["stated"] < 0 else _decimal(record["stated"]),
        observed=_decimal(record["observed"]),
        at=at,
    )


def with_match(interest: Interest, path: Sequence[str]) -> Interest:
    """Return an interest with the category path that its free word was matched to."""
    return replace(interest, matched=tuple(path))


def relevance(interest: Interest) -> float:
    """Return how much an interest counts, 0 to 1: what was stated, or else what was observed, saturating."""
    if interest.stated is not None:
        return float(interest.stated)
    return float(interest.observed / (1 + interest.observed))


def reaction_of(record: Record, horizon: Horizon) -> Reaction | None:
    """Return a reaction edge as far as it is seen, or none if none of it is."""
    rated_at = horizon.moment(stamped_at(record["rating_stamp"])) if record["rating"] >= 0 else None
    viewed_at = horizon.moment(record["viewed_at"])
    reaction = Reaction(
        product=product_of(record),
        views=record["views"] if viewed_at is not None else 0,
        viewed_at=viewed_at,
        wished_at=horizon.moment(record["wished_at"]),
        rating=None if rated_at is None else _decimal(record["rating"]),
        rated_at=rated_at,
        dismissed_at=horizon.moment(record["dismissed_at"]),
    )
    return reaction if reaction != Reaction(product=reaction.product) else None


def stamped_at(stamp: str) -> int:
    """Return the moment (ms) in a fact's stamp (`rank|moment|event`), 0 if it has none."""
    parts = stamp.split("|", 2)
    return int(parts[1]) if len(parts) == 3 and parts[1].isdigit() else 0  # noqa: PLR2004 (rank, moment, event)


@lru_cache(maxsize=1 << 12)
def _decimal(thousandths: int) -> Decimal:
    return Decimal(thousandths) / 1000
