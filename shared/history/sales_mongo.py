"""What a shop sold, in MongoDB: summed there per period, product and currency, less what was given back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.contracts.events import Kind
from shared.history.derive import price_of
from shared.history.port import TrendQuery
from shared.history.shelves_mongo import levels_of
from shared.history.store_mongo import Fields, MongoStore, name_of

_CHUNK = 1_000
_Group = tuple[str, str, str]  # start, product (by total: none), currency


@dataclass(slots=True)
class _Sums:
    quantity: int = 0
    spend: int = 0
    purchases: set[str] = field(default_factory=set)
    buyers: set[str] = field(default_factory=set)

    def add(self, other: _Sums) -> None:
        self.quantity += other.quantity
        self.spend += other.spend
        self.purchases |= other.purchases
        self.buyers |= other.buyers


def sales(store: MongoStore, query: TrendQuery) -> Iterator[tuple[Any, ...]]:
    """Yield (start, key, purchases, thousandths, minor units, currency, buyers, none), unordered."""
    groups: dict[_Group, _Sums] = defaultdict(_Sums)
    for group, sums in (*_bought(store, query), *_given_back(store, query)):
        groups[group].add(sums)
    for (start, key, currency), sums in _by_key(store, query, groups).items():
        yield start, key, len(sums.purchases), sums.quantity, sums.spend, currency, len(sums.buyers), None


def within(query: TrendQuery) -> Fields:
    """Return what the events that a question covers have in common."""
    asked: Fields = {"shop": query.shop, "erased": False}
    if query.user_id is not None:
        asked["user_id"] = query.user_id
    span = {word: at for word, at in (("$gte", query.since), ("$lt", query.until)) if at is not None}
    return asked | ({"at": span} if span else {})


def _bought(store: MongoStore, query: TrendQuery) -> Iterator[tuple[_Group, _Sums]]:
    per: Fields = {"start": f"${query.period}", "currency": "$currency"}
    if query.by != "total":
        per["product"] = "$lines.product"
    sums = {
        "_id": per,
        "quantity": {"$sum": "$lines.quantity"},
        "spend": {"$sum": "$lines.spend"},
        "purchases": {"$addToSet": "$id"},
        "buyers": {"$addToSet": "$user_id"},
    }
    of_product = [{"$match": {"lines.product": query.key}}] if _of_one_product(query) else []
    stages: Sequence[Fields] = [{"$match": _purchases(query)}, {"$unwind": "$lines"}, *of_product, {"$group": sums}]
    for row in store["ledger"].aggregate(stages, allowDiskUse=True):
        group = (row["_id"]["start"], row["_id"].get("product", ""), row["_id"]["currency"])
        yield group, _Sums(row["quantity"], row["spend"], set(row["purchases"]), set(row["buyers"]))


def _given_back(store: MongoStore, query: TrendQuery) -> Iterator[tuple[_Group, _Sums]]:
    """Yield what is to be taken back; of several lines with the product, the first one's price is owed."""
    for refunds in _chunks(_refunds(store, query)):
        names = sorted({name_of(query.shop, Kind.PURCHASE.value, one["purchase"]) for one in refunds})
        asked = {**_purchases(query), "_id": {"$in": names}}
        purchases = {one["id"]: one for one in store["ledger"].find(asked)}
        for refund in refunds:
            if purchase := purchases.get(refund["purchase"]):
                yield from _taken_back(query, purchase, refund)


def _taken_back(query: TrendQuery, purchase: Fields, refund: Fields) -> Iterator[tuple[_Group, _Sums]]:
    for back in refund["refunds"]:
        line = next((line for line in purchase["lines"] if line["product"] == back["product"]), None)
        if line is None or (_of_one_product(query) and line["product"] != query.key):
            continue
        currency, amount = refund["currency"], back["amount"]
        if amount is None:
            currency = purchase["currency"]
            amount = price_of(line["price"], back["quantity"], currency)
        product = "" if query.by == "total" else line["product"]
        sums = _Sums(-back["quantity"], -amount, {purchase["id"]}, {purchase["user_id"]})
        yield (purchase[query.period], product, currency), sums


def _refunds(store: MongoStore, query: TrendQuery) -> Iterator[Fields]:
    asked: Fields = {"shop": query.shop, "kind": Kind.REFUND.value, "erased": False}
    if _of_one_product(query):
        asked["products"] = query.key
    fields = ["purchase", "currency", "refunds"]
    if query.user_id is None:
        yield from store["ledger"].find(asked, fields)
        return
    theirs = (one["id"] for one in store["ledger"].find(_purchases(query), ["id"]))
    for ids in _chunks(theirs):
        yield from store["ledger"].find({**asked, "purchase": {"$in": ids}}, fields)


def _by_key(store: MongoStore, query: TrendQuery, groups: Mapping[_Group, _Sums]) -> Mapping[_Group, _Sums]:
    levels: Mapping[str, Sequence[str]] = {}
    if query.by == "category":
        levels = levels_of(store, query.shop, {product for _, product, _ in groups})
    keyed: dict[_Group, _Sums] = defaultdict(_Sums)
    for (start, product, currency), sums in groups.items():
        keys = {"total": ["total"], "product": [product]}.get(query.by) or levels.get(product, ())
        for key in keys:
            if query.key is None or key == query.key:
                keyed[start, key, currency].add(sums)
    return keyed


def _purchases(query: TrendQuery) -> Fields:
    product = {"products": query.key} if _of_one_product(query) else {}
    return {**within(query), "kind": Kind.PURCHASE.value, **product}


def _of_one_product(query: TrendQuery) -> bool:
    return query.by == "product" and query.key is not None


def _chunks(items: Iterable[Any]) -> Iterator[list[Any]]:
    chunk: list[Any] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
