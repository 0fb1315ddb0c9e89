"""Where products stand in MongoDB: of all that was said of a product, the word that outranks the others."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from shared.contracts.events import Kind
from shared.history.derive import Shelf, derive
from shared.history.port import Entry
from shared.history.store_mongo import Fields, MongoStore, ids_refused, name_of

_CHUNK = 1_000
_EARLIEST = 1 << 62  # added to moments (ms), so that those before 1970 are in order as texts too


def put_shelves(store: MongoStore, entries: Iterable[Entry]) -> None:
    """Keep where entries say that products stand, unless what is kept outranks it; harmless twice."""
    best: dict[str, Shelf] = {}
    for entry in entries:
        for row in derive(entry):
            if isinstance(row, Shelf):
                name = name_of(row.shop, row.product_id)
                best[name] = max(best.get(name, row), row, key=_rank)
    waiting = [{"_id": name, **_fields(row)} for name, row in sorted(best.items())]
    for start in range(0, len(waiting), _CHUNK):
        _put(store, waiting[start : start + _CHUNK])


def levels_of(store: MongoStore, shop: str, products: Iterable[str]) -> Mapping[str, Sequence[str]]:
    """Return the keys of the levels that each product stands on."""
    names = {name_of(shop, product): product for product in products}
    found: dict[str, Sequence[str]] = {}
    waiting = sorted(names)
    for start in range(0, len(waiting), _CHUNK):
        asked = {"_id": {"$in": waiting[start : start + _CHUNK]}}
        found |= {names[one["_id"]]: json.loads(one["levels"]) for one in store["shelves"].find(asked)}
    return found


def forget_purchases(store: MongoStore, whose: Fields) -> None:
    """Take the ids of purchases that are being erased from what they told of where products stand."""
    asked = {**whose, "kind": Kind.PURCHASE.value, "erased": False}
    purchases = {one["id"]: one.get("products", []) for one in store["ledger"].find(asked, ["id", "products"])}
    names = sorted({name_of(whose["shop"], product) for products in purchases.values() for product in products})
    for start in range(0, len(names), _CHUNK):
        for one in store["shelves"].find({"_id": {"$in": names[start : start + _CHUNK]}, "rank": 0}):
            if one["id"] in purchases:
                nameless = Shelf(one["shop"], "", one["rank"], one["at"], "", one["levels"])
                # Only if it still says the same: a later word may have come meanwhile.
                store["shelves"].update_one({"_id": one["_id"], "order": one["order"]}, {"$set": _fields(nameless)})


def _put(store: MongoStore, shelves: Sequence[Fields]) -> None:
    changes = [
        UpdateOne({"_id": one["_id"], "order": {"$lt": one["order"]}}, {"$set": one}, upsert=True) for one in shelves
    ]
    try:
        store["shelves"].bulk_write(changes, ordered=False)
    except BulkWriteError as error:
        ids_refused(error, shelves)  # the upsert of a word that is outranked finds the `_id` taken


def _fields(row: Shelf) -> Fields:
    return {
        "shop": row.shop,
        "rank": row.rank,
        "at": row.at,
        "id": row.id,
        "levels": row.levels,
        "order": f"{row.rank}|{row.at + _EARLIEST:019d}|{row.id}\0{row.levels}",
    }


def _rank(row: Shelf) -> tuple[int, int, str, str]:
    return row.rank, row.at, row.id, row.levels
