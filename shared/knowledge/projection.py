"""What an event means for the graph, once and for all: a pure function from a ledger entry to rows.

The live graph and the rebuilt one are made by this same function, so that they agree by construction; the digest
(`rows.digest`) proves it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from sys import intern
from typing import Any

from shared.contracts.events import Kind
from shared.contracts.values import minor_units, thousandths
from shared.history.port import Entry
from shared.knowledge.rows import (
    Delta,
    Fact,
    Facts,
    Interested,
    Link,
    Named,
    Present,
    Purchased,
    Reacted,
    Row,
    RowKey,
    add,
    digest,
    merge,
    uid,
)

__all__ = [
    "Delta",
    "Row",
    "RowKey",
    "Rows",
    "about",
    "brand_id",
    "category_id",
    "complete",
    "digest",
    "drain",
    "fold",
    "merge",
    "project",
    "tag_id",
    "uid",
]

Rows = Iterator[tuple[RowKey, Row]]

# A fact from a purchase line fills a stub; what the catalogue or the user says outranks it, whenever it came.
_STUB, _SAID = 0, 1
_PRODUCT_FIELDS = ("name", "categories", "brand", "tags", "url", "image_url", "availability")


def project(entry: Entry) -> Rows:
    """Yield the rows that an entry adds to the graph, to be merged with those that stand.

    `ABOUT` edges are no part of it: they follow from a product's winning facts (`about`, `complete`).
    """
    return _PROJECTIONS[entry.kind](entry, json.loads(entry.data))


def fold(entries: Iterable[Entry], into: Delta | None = None) -> Delta:
    """Return the merged rows of many entries."""
    delta: Delta = {} if into is None else into
    for entry in entries:
        add(delta, project(entry))
    return delta


def complete(delta: Delta) -> Iterator[tuple[RowKey, Row]]:
    """Yield a whole shop's rows, with the `ABOUT` edges that follow from its products."""
    for key, row in delta.items():
        yield key, row
        yield from _abouts(key, row)


def drain(delta: Delta) -> Iterator[tuple[RowKey, Row]]:
    """Yield the same as `complete`, and let go of each row at once: a large shop need not be held twice."""
    while delta:
        key, row = delta.popitem()
        yield key, row
        yield from _abouts(key, row)


def _abouts(key: RowKey, row: Row) -> Iterator[tuple[RowKey, Row]]:
    if key[0] == "product" and isinstance(row, Facts):
        for interest in sorted(about(row)):
            yield ("about", key[1], key[2], interest), Link()


def about(facts: Facts) -> frozenset[str]:
    """Return the ids of the interests that a product is about: each level of its category path, its brand, its tags."""
    brand = facts.value("brand")
    path = tuple(facts.value("categories") or ())
    return frozenset(
        [category_id(path[: depth + 1]) for depth in range(len(path))]
        + ([brand_id(brand)] if brand else [])
        + [tag_id(tag) for tag in facts.value("tags") or ()]
    )


@lru_cache(maxsize=1 << 14)
def category_id(path: tuple[str, ...]) -> str:
    """Return a category's interest id: `category:grocery/dairy/milk`; a slash within a name is escaped."""
    return "category:" + "/".join(_plain(part).replace("%", "%25").replace("/", "%2f") for part in path)


def brand_id(name: str) -> str:
    """Return a brand's interest id."""
    return f"brand:{_plain(name)}"


def tag_id(name: str) -> str:
    """Return a tag's interest id: free words, without case and surplus space."""
    return f"tag:{_plain(name)}"


@lru_cache(maxsize=1 << 14)
def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _stamp(rank: int, entry: Entry) -> str:
    return f"{rank}|{entry.at:016d}|{entry.id}"


@lru_cache(maxsize=1 << 16)
def _thousandths(number: str) -> int:
    return thousandths(Decimal(number))


@lru_cache(maxsize=1 << 16)
def _spend(price: str, quantity: str, currency: str) -> int:
    return minor_units(Decimal(price) * Decimal(quantity), currency)


def _purchase(entry: Entry, data: Mapping[str, Any]) -> Rows:
    # One text each, however many of a year's million rows name it.
    shop, user, currency = intern(entry.shop), intern(data["user_id"]), intern(data["currency"])
    stamp = _stamp(_STUB, entry)
    yield ("shop", shop, shop), Present(entry.at)
    yield ("user", shop, user), Facts({})
    for line in data["lines"]:
        product, quantity, price = intern(line["product_id"]), line["quantity"], line["unit_price"]
        yield from _product(shop, product, stamp, line, (price, currency))
        yield (
            ("purchased", shop, user, product),
            Purchased((entry.at,), _thousandths(quantity), _spend(price, quantity, currency), 0, 0, currency),
        )


def _refund(entry: Entry, data: Mapping[str, Any]) -> Rows:
    shop, user, currency = entry.shop, data["user_id"], data["currency"]
    yield ("shop", shop, shop), Present()
    yield ("user", shop, user), Facts({})
    for line in data["lines"]:
        product = line["product_id"]
        returned = _spend(line["amount"], "1", currency) if "amount" in line else 0
        yield ("product", shop, product), Facts({})
        yield (
            ("purchased", shop, user, product),
            Purchased((), 0, 0, _thousandths(line["quantity"]), returned, currency),
        )


def _interest(entry: Entry, data: Mapping[str, Any]) -> Rows:
    shop, user = entry.shop, data["user_id"]
    score, stamp = _thousandths(data.get("score", "1")), _stamp(_SAID, entry)
    yield ("shop", shop, shop), Present()
    yield ("user", shop, user), Facts({})
    if "product_id" in data:
        product = data["product_id"]
        yield ("product", shop, product), Facts({})
        yield ("reacted", shop, user, product), _reaction(data["kind"], entry.at, score, stamp)
    else:
        interest = tag_id(data["name"])
        yield ("interest", shop, interest), Named("tag", data["name"])
        yield ("interested", shop, user, interest), _interested(data["kind"], entry.at, score, stamp)


def _reaction(kind: str, at: int, score: int, stamp: str) -> Reacted:
    match kind:
        case "viewed":
            return Reacted(views=1, viewed_at=at)
        case "rated":
            return Reacted(rating=score, rating_stamp=stamp)
        case "dismissed":
            return Reacted(dismissed_at=at)
        case _:  # to state an interest in a product is to wish for it
            return Reacted(wished_at=at)


def _interested(kind: str, at: int, score: int, stamp: str) -> Interested:
    match kind:
        case "viewed" | "wished":
            return Interested(observed=score, at=at)
        case "dismissed":
            return Interested(stated=0, stated_stamp=stamp, at=at)
        case _:
            return Interested(stated=score, stated_stamp=stamp, at=at)


def _catalogue(entry: Entry, data: Mapping[str, Any]) -> Rows:
    yield ("shop", entry.shop, entry.shop), Present()
    price = (data["price"], data["currency"]) if "price" in data else None
    yield from _product(entry.shop, data["product_id"], _stamp(_SAID, entry), data, price)


def _product(shop: str, product: str, stamp: str, data: Mapping[str, Any], price: tuple[str, str] | None) -> Rows:
    facts: dict[str, Fact] = {field: (stamp, _shared(data[field])) for field in _PRODUCT_FIELDS if field in data}
    if price is not None:
        facts["price"] = (stamp, _listed(*price))
    yield ("product", shop, product), Facts(facts)
    if "categories" in data:
        yield from _category_rows(shop, tuple(data["categories"]))
    if "brand" in data:
        yield ("interest", shop, brand_id(data["brand"])), Named("brand", data["brand"])
    for tag in data.get("tags", ()):
        yield ("interest", shop, tag_id(tag)), Named("tag", tag)


def _shared(value: str | list[str]) -> str | list[str]:
    """Return one object for all products that say the same; nobody changes a fact."""
    return intern(value) if isinstance(value, str) else _listed(*value)


@lru_cache(maxsize=1 << 16)
def _listed(*texts: str) -> list[str]:
    return [*map(intern, texts)]


@lru_cache(maxsize=1 << 14)
def _category_rows(shop: str, path: tuple[str, ...]) -> tuple[tuple[RowKey, Row], ...]:
    ids = [category_id(path[: depth + 1]) for depth in range(len(path))]
    nodes = [(("interest", shop, node), Named("category", name)) for node, name in zip(ids, path, strict=True)]
    edges = [(("within", shop, child, parent), Link()) for parent, child in pairwise(ids)]
    return (*nodes, *edges)


def _user(entry: Entry, data: Mapping[str, Any]) -> Rows:
    stamp = _stamp(_SAID, entry)
    facts: dict[str, Fact] = {f"trait:{name}": (stamp, value) for name, value in data.get("traits", {}).items()}
    if "locale" in data:
        facts["locale"] = (stamp, data["locale"])
    if "consent" in data:
        facts["consent"] = (stamp, data["consent"]["marketing"])
    yield ("shop", entry.shop, entry.shop), Present()
    yield ("user", entry.shop, data["user_id"]), Facts(facts)


def _erasure(entry: Entry, _: Mapping[str, Any]) -> Rows:
    yield ("shop", entry.shop, entry.shop), Present()


_PROJECTIONS: Mapping[Kind, Callable[[Entry, Mapping[str, Any]], Rows]] = {
    Kind.PURCHASE: _purchase,
    Kind.REFUND: _refund,
    Kind.INTEREST: _interest,
    Kind.PRODUCT: _catalogue,
    Kind.USER: _user,
    Kind.ERASURE: _erasure,
}
