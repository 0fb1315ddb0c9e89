"""A ledger entry as one MongoDB document: what happened, and what analysts ask of it, in integers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from shared.bus.port import Position
from shared.contracts.events import Kind
from shared.history.derive import Expression, Line, Listing, Refund, Row, derive
from shared.history.port import Entry
from shared.history.store_mongo import Fields, name_of

# What `derive` adds to an entry; erasing takes it away.
_DERIVED = (
    "products",
    "day",
    "week",
    "month",
    "currency",
    "lines",
    "purchase",
    "refunds",
    "expression",
    "listing",
)
MEANING = dict.fromkeys(_DERIVED, 0)  # a projection that leaves it out


def key_of(entry: Entry) -> str:
    """Return the `_id` of an event."""
    return name_of(entry.shop, entry.kind.value, entry.id)


def document_of(entry: Entry, number: int) -> Fields:
    """Return the document of an entry."""
    origin = entry.origin
    document: Fields = {
        "_id": key_of(entry),
        "seq": number,
        "shop": entry.shop,
        "kind": entry.kind.value,
        "id": entry.id,
        "digest": entry.digest,
        "log": origin.log,
        "topic": origin.topic,
        "partition": origin.partition,
        "offset": origin.offset,
        "user_id": entry.user_id,
        "product_id": entry.product_id,
        "at": entry.at,
        "type": entry.type,
        "data": entry.data,
        "erased": False,
    }
    for row in derive(entry):
        _add(document, row)
    if products := sorted(set(_products(document))):
        document["products"] = products
    return document


def entry_of(found: Fields) -> Entry:
    """Return the entry that a document tells."""
    return Entry(
        found["shop"],
        Kind(found["kind"]),
        found["id"],
        found["digest"],
        position_of(found),
        found["user_id"],
        found["product_id"],
        found["at"],
        found["type"],
        found["data"],
    )


def position_of(found: Fields) -> Position:
    """Return the position that a document tells."""
    return Position(found["log"], found["topic"], found["partition"], found["offset"])


def _add(document: Fields, row: Row) -> None:
    match row:
        case Line():
            document |= _periods(row.day) | {"currency": row.currency}
            line = {"product": row.product_id, "quantity": row.quantity, "spend": row.spend, "price": row.unit_price}
            document.setdefault("lines", []).append(line)
        case Refund():
            document |= {"purchase": row.purchase_id, "currency": row.currency}
            back = {"product": row.product_id, "quantity": row.quantity, "amount": row.amount}
            document.setdefault("refunds", []).append(back)
        case Expression():
            document |= _periods(row.day)
            said = {"name": row.name, "product": row.product_id, "kind": row.kind, "score": row.score}
            document["expression"] = said
        case Listing():
            document["listing"] = {"product": row.product_id, "price": row.price, "currency": row.currency}


def _products(document: Fields) -> Iterator[str]:
    parts = (*document.get("lines", ()), *document.get("refunds", ()))
    alone = (document.get("expression"), document.get("listing"))
    return (part["product"] for part in (*parts, *alone) if part and part["product"] is not None)


def _periods(day: str) -> Fields:
    """Return the first days of the periods that a day is in; weeks begin on Monday."""
    moment = date.fromisoformat(day)
    monday = moment - timedelta(days=moment.weekday())
    return {"day": day, "week": monday.isoformat(), "month": f"{day[:7]}-01"}
