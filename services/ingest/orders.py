"""A refund that names no lines takes back all that is left of its purchase: told here, so that the event says it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from shared.contracts.events import Kind
from shared.errors import InvalidInputError, Violation
from shared.history.port import Entry, Page, every

Timeline = Callable[..., Page[Entry]]
Order = tuple[Mapping[str, Any] | None, list[Mapping[str, Any]]]  # a purchase, and the refunds of it


def known_order(shop: str, user_id: str, purchase_id: str, timeline: Timeline) -> Order:
    """Return a user's purchase (none if the ledger does not know it) and its refunds."""
    purchase, refunds = None, []
    for entry in _entries(shop, user_id, timeline):
        if entry.kind is Kind.PURCHASE and entry.id == purchase_id:
            purchase = json.loads(entry.data)
        elif entry.kind is Kind.REFUND and (refund := json.loads(entry.data))["purchase_id"] == purchase_id:
            refunds.append(refund)
    return purchase, refunds


def _entries(shop: str, user_id: str, timeline: Timeline) -> Iterator[Entry]:
    kinds = (Kind.PURCHASE, Kind.REFUND)
    return every(lambda token: timeline(shop, user_id=user_id, kinds=kinds, page_size=500, page_token=token))


def whole_refund(value: Mapping[str, Any], order: Order) -> dict[str, Any]:
    """Return a refund with the lines that are left of its purchase; a refund of the same id is the retried one.

    Raises:
        InvalidInputError: the purchase is not known, or nothing is left of it.
    """
    purchase, refunds = order
    if purchase is None:
        raise InvalidInputError(
            "the purchase is not known yet: name the refund's lines, or send it again later",
            [Violation("/purchase_id", "is not known")],
        )
    others = [refund for refund in refunds if refund["refund_id"] != value.get("refund_id")]
    lines = _left(purchase["lines"], [line for refund in others for line in refund["lines"]])
    if not lines:
        raise InvalidInputError("all of the purchase is refunded already", [Violation("/purchase_id", "is refunded")])
    return {"currency": purchase["currency"], **value, "lines": lines}


def _left(bought: Iterable[Mapping[str, Any]], returned: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    left: dict[str, Decimal] = {}
    for lines, sign in ((bought, 1), (returned, -1)):
        for line in lines:
            product = line["product_id"]
            left[product] = left.get(product, Decimal(0)) + sign * Decimal(str(line["quantity"]))
    return [{"product_id": product, "quantity": str(rest)} for product, rest in left.items() if rest > 0]
