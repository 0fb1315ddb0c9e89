"""Analysts' questions in MongoDB, answered from the ledger's own documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from pymongo import ASCENDING, DESCENDING

from shared.contracts.events import InterestKind, Kind
from shared.history.entry_mongo import MEANING, entry_of
from shared.history.port import Entry, Page, PricePoint, TrendQuery, TrendRow
from shared.history.sales_mongo import sales, within
from shared.history.store_mongo import Fields, MongoStore, answering
from shared.history.tokens import page_bound, place_in, token_for
from shared.history.trending import bounded, by_period, key_of, trend_row

_Point = tuple[int, str, str, str]  # at, source, price, currency


class MongoAnalytics:
    """Implements `shared.history.port.Analytics`. Thread-safe."""

    def __init__(self, store: MongoStore) -> None:
        self._store = store

    def timeline(
        self,
        shop: str,
        *,
        user_id: str | None = None,
        product_id: str | None = None,
        kinds: Sequence[Kind] = (),
        page_token: str = "",
        page_size: int = 50,
    ) -> Page[Entry]:
        """Return events, newest first; up to 1000 a page.

        Raises:
            InvalidInputError: the token belongs to another question.
            UnavailableError: the server does not answer.
        """
        question = ("timeline", shop, user_id, product_id, sorted(set(kinds)))
        size = page_bound(page_size)
        named = {"user_id": user_id, "products": product_id}
        asked: Fields = {"shop": shop, "erased": False} | {name: one for name, one in named.items() if one is not None}
        if kinds:
            asked["kind"] = {"$in": [kind.value for kind in kinds]}
        if page_token:
            at, seq = place_in(question, page_token, 2)
            asked["$or"] = [{"at": {"$lt": at}}, {"at": at, "seq": {"$lt": seq}}]
        order = [("at", DESCENDING), ("seq", DESCENDING)]
        with answering("reading a timeline"):
            rows = list(self._store["ledger"].find(asked, MEANING).sort(order).limit(size + 1))
        more = token_for(question, [rows[size - 1]["at"], rows[size - 1]["seq"]]) if len(rows) > size else ""
        return Page(tuple(map(entry_of, rows[:size])), more)

    def trends(self, query: TrendQuery) -> list[TrendRow]:
        """Return rows by period, then by falling revenue (by interest: count); the latest `limit` (up to 10 000).

        Refunds are taken back from the day of the purchase. Dismissals are no expressions of interest.

        Raises:
            UnavailableError: the server does not answer.
        """
        with answering("counting trends"):
            found = self._expressed(query) if query.by == "interest" else list(sales(self._store, query))
        weight = 2 if query.by == "interest" else 4  # of start, key, count, quantity, revenue, currency, …
        found.sort(key=lambda row: (-row[weight], row[1], row[5]))
        found.sort(key=lambda row: str(row[0]), reverse=True)
        return by_period([trend_row(row) for row in found[: bounded(query.limit)]])

    def tidy(self) -> bool:
        """Do nothing: the server counts from the ledger's own documents."""
        return False

    def prices(self, shop: str, product_id: str, limit: int = 500) -> list[PricePoint]:
        """Return how a product's price moved: the latest points where it changed, in each currency, oldest first.

        Raises:
            UnavailableError: the server does not answer.
        """
        with answering("reading prices"):
            points = sorted(set(self._points(shop, product_id)))
        before: dict[str, str] = {}
        moves = []
        for at, source, price, currency in points:
            if before.get(currency) != price:
                moves.append(PricePoint(at, Decimal(price), currency, source))  # type: ignore[arg-type] # our own words
            before[currency] = price
        return moves[-bounded(limit) :]

    def _expressed(self, query: TrendQuery) -> list[tuple[Any, ...]]:
        key = key_of(query)
        name = {"$ne": None} if key is None else key
        asked = {
            **within(query),
            "kind": Kind.INTEREST.value,
            "expression.name": name,
            "expression.kind": {"$ne": InterestKind.DISMISSED.value},
        }
        sums = {
            "_id": {"start": f"${query.period}", "name": "$expression.name"},
            "count": {"$sum": 1},
            "users": {"$addToSet": "$user_id"},
            "score": {"$avg": "$expression.score"},
        }
        rows = self._store["ledger"].aggregate([{"$match": asked}, {"$group": sums}], allowDiskUse=True)
        return [
            (row["_id"]["start"], row["_id"]["name"], row["count"], 0, 0, "", len(row["users"]), row["score"])
            for row in rows
        ]

    def _points(self, shop: str, product_id: str) -> Iterator[_Point]:
        about = {"shop": shop, "products": product_id, "kind": {"$in": [Kind.PRODUCT.value, Kind.PURCHASE.value]}}
        fields = ["at", "currency", "lines", "listing"]
        for found in self._store["ledger"].find(about, fields).sort("at", ASCENDING):
            listing = found.get("listing")
            if listing and listing["price"] is not None:
                yield found["at"], "catalogue", listing["price"], listing["currency"]
            for line in found.get("lines", ()):
                if line["product"] == product_id:
                    yield found["at"], "purchase", line["price"], found["currency"]
