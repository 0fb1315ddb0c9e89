"""What an event means to an analyst: a pure function from a ledger entry to flat rows in integers.

Quantities and relevances are in thousandths, money in minor units, moments in ms, days are ISO dates in UTC.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from shared.contracts.events import Kind
from shared.contracts.values import minor_units, thousandths
from shared.history.port import Entry

# What the catalogue says of a product outranks what a purchase line says, whenever it came; as in the graph.
_PURCHASE_LINE, _CATALOGUE = 0, 1
_MS_A_DAY = 86_400_000
_EPOCH = date(1970, 1, 1).toordinal()


class Line(NamedTuple):
    """One line of a purchase."""

    shop: str
    purchase_id: str
    user_id: str
    product_id: str
    at: int
    day: str
    quantity: int
    spend: int
    unit_price: str
    currency: str


class Refund(NamedTuple):
    """One line taken back; without an amount, the price that was paid is owed."""

    shop: str
    refund_id: str
    purchase_id: str
    user_id: str
    product_id: str
    at: int
    quantity: int
    amount: int | None
    currency: str


class Expression(NamedTuple):
    """An interest expressed, in a name (without case and surplus space) or in a product."""

    shop: str
    interest_id: str
    user_id: str
    name: str | None
    product_id: str | None
    kind: str
    score: int
    at: int
    day: str


class Shelf(NamedTuple):
    """Where a product stands in the shop: each level of its category path, as a JSON array of keys.

    Of two for one product, the larger (rank, at, id, levels) holds.
    """

    shop: str
    product_id: str
    rank: int
    at: int
    id: str
    levels: str


class Listing(NamedTuple):
    """One word of the catalogue about a product, with its price if it gave one."""

    shop: str
    product_id: str
    event_id: str
    at: int
    price: str | None
    currency: str | None


Row = Line | Refund | Expression | Shelf | Listing
Data = Mapping[str, Any]


def derive(entry: Entry) -> Iterator[Row]:
    """Yield the rows that an entry adds; users' own facts and erasures add none."""
    rows = _DERIVATIONS.get(entry.kind)
    return iter(()) if rows is None else rows(entry, json.loads(entry.data))


@lru_cache(maxsize=1 << 16)
def price_of(unit_price: str, quantity: int, currency: str) -> int:
    """Return what so many thousandths cost, in minor units."""
    return minor_units(Decimal(unit_price) * Decimal(quantity).scaleb(-3), currency)


@lru_cache(maxsize=1 << 14)
def levels(path: tuple[str, ...]) -> tuple[str, ...]:
    """Return the key of each level: `Grocery`, `Grocery/Dairy`; a slash within a name is escaped as `%2f`."""
    names = [name.replace("%", "%25").replace("/", "%2f") for name in path]
    return tuple("/".join(names[: depth + 1]) for depth in range(len(names)))


def plain(text: str) -> str:
    """Return an interest's name without case and surplus space."""
    return " ".join(text.casefold().split())


def _purchase(entry: Entry, data: Data) -> Iterator[Row]:
    day, currency = _day(entry.at // _MS_A_DAY), data["currency"]
    for line in data["lines"]:
        product, price = line["product_id"], line["unit_price"]
        quantity = _thousandths(line["quantity"])
        spend = price_of(price, quantity, currency)
        yield Line(entry.shop, entry.id, data["user_id"], product, entry.at, day, quantity, spend, price, currency)
        if "categories" in line:
            yield _shelf(entry, _PURCHASE_LINE, product, line["categories"])


def _refund(entry: Entry, data: Data) -> Iterator[Row]:
    currency = data["currency"]
    for line in data["lines"]:
        yield Refund(
            entry.shop,
            entry.id,
            data["purchase_id"],
            data["user_id"],
            line["product_id"],
            entry.at,
            _thousandths(line["quantity"]),
            minor_units(Decimal(line["amount"]), currency) if "amount" in line else None,
            currency,
        )


def _interest(entry: Entry, data: Data) -> Iterator[Row]:
    name = data.get("name")
    yield Expression(
        entry.shop,
        entry.id,
        data["user_id"],
        None if name is None else plain(name),
        data.get("product_id"),
        data["kind"],
        _thousandths(data.get("score", "1")),
        entry.at,
        _day(entry.at // _MS_A_DAY),
    )


def _product(entry: Entry, data: Data) -> Iterator[Row]:
    product, price = data["product_id"], data.get("price")
    currency = None if price is None else data["currency"]
    yield Listing(entry.shop, product, entry.id, entry.at, price, currency)
    if "categories" in data:
        yield _shelf(entry, _CATALOGUE, product, data["categories"])


def _shelf(entry: Entry, rank: int, product: str, path: Sequence[str]) -> Shelf:
    return Shelf(entry.shop, product, rank, entry.at, entry.id, _levels_text(tuple(path)))


@lru_cache(maxsize=1 << 14)
def _levels_text(path: tuple[str, ...]) -> str:
    return json.dumps(levels(path), ensure_ascii=False)


@lru_cache(maxsize=1 << 14)
def _day(days: int) -> str:
    return date.fromordinal(_EPOCH + days).isoformat()


@lru_cache(maxsize=1 << 16)
def _thousandths(number: str) -> int:
    return thousandths(Decimal(number))


_DERIVATIONS: Mapping[Kind, Callable[[Entry, Data], Iterator[Row]]] = {
    Kind.PURCHASE: _purchase,
    Kind.REFUND: _refund,
    Kind.INTEREST: _interest,
    Kind.PRODUCT: _product,
}
