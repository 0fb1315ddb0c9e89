"""Events to ask a history about, and the rows that it should answer with."""

import itertools
from datetime import UTC, datetime
from decimal import Decimal

from shared.bus.port import Position
from shared.clock import to_ms
from shared.contracts.codec import canonical, digest
from shared.contracts.events import (
    InterestExpressed,
    ProductUpdated,
    PurchaseRecorded,
    PurchaseRefunded,
    UserUpdated,
)
from shared.history.port import Entry, TrendRow

OFFSETS = itertools.count()


def moment(day: str, hour: int = 12) -> datetime:
    return datetime.fromisoformat(f"{day}T{hour:02}:00:00+00:00").astimezone(UTC)


def ms(day: str, hour: int = 12) -> int:
    return to_ms(moment(day, hour))


def entry(data, id_: str, at: datetime, shop: str) -> Entry:
    origin = Position("log", "topic", 0, next(OFFSETS))
    about = (getattr(data, "user_id", None), getattr(data, "product_id", None))
    return Entry(shop, data.ledger_kind, id_, digest(data), origin, *about, to_ms(at), data.type, canonical(data))


def line(product: str = "milk", quantity: object = 1, price: object = "1", **more) -> dict:
    return {"product_id": product, "quantity": quantity, "unit_price": price} | more


def bought(id_, day, *lines, user="ann", shop="shop", currency="EUR", hour=12) -> Entry:
    data = PurchaseRecorded(
        purchase_id=id_, user_id=user, purchased_at=moment(day, hour), currency=currency, lines=lines or (line(),)
    )
    return entry(data, id_, data.purchased_at, shop)


def refunded(id_, purchase, day, *, user="ann", shop="shop", currency="EUR", **back) -> Entry:
    data = PurchaseRefunded(
        refund_id=id_,
        purchase_id=purchase,
        user_id=user,
        refunded_at=moment(day),
        currency=currency,
        lines=({"product_id": "milk", "quantity": 1} | back,),
    )
    return entry(data, id_, data.refunded_at, shop)


def expressed(id_, day, user="ann", shop="shop", **what) -> Entry:
    data = InterestExpressed(interest_id=id_, user_id=user, expressed_at=moment(day), **what)
    return entry(data, id_, data.expressed_at, shop)


def told(id_, day, product="milk", shop="shop", hour=12, **facts) -> Entry:
    data = ProductUpdated(event_id=id_, product_id=product, updated_at=moment(day, hour), **facts)
    return entry(data, id_, data.updated_at, shop)


def user_told(id_, day, user="ann", shop="shop") -> Entry:
    data = UserUpdated(event_id=id_, user_id=user, updated_at=moment(day), locale="de")
    return entry(data, id_, data.updated_at, shop)


def row(start, key="total", *, count=1, quantity="1", revenue="1", currency="EUR", buyers=1) -> TrendRow:
    return TrendRow(start, key, count, Decimal(quantity), Decimal(revenue), currency, buyers)


def interest(key, count, buyers, score) -> TrendRow:
    return TrendRow("2026-05-01", key, count, Decimal(0), Decimal(0), "", buyers, Decimal(score))


def ids(page) -> list[str]:
    return [found.id for found in page.items]
