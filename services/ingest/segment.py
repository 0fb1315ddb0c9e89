"""Segment's spec → our items: what shops' existing SDKs send to track, identify and batch. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shared.errors import InvalidInputError, Violation

Item = tuple[str, dict[str, Any]]  # kind of intake, payload
# Segment's reserved traits that name or place a person: traits reach the graph, where no personal data belongs.
_PERSONAL = frozenset({"address", "avatar", "birthday", "lastName", "name", "phone", "username", "website"})


def to_items(call: Any) -> list[Item]:
    """Return the items that one call of Segment's spec holds.

    Raises:
        InvalidInputError: it is no call that means something to us; says which do.
    """
    if not isinstance(call, Mapping):
        raise InvalidInputError("a Segment call is a JSON object")
    if call.get("type", "track") == "identify":
        return [_identify(call)]
    name = call.get("event")
    if name == "Order Updated":
        raise InvalidInputError(
            "what was bought stays bought: send Order Refunded or Order Cancelled for what is taken back, and another "
            "Order Completed for what came on top",
            [Violation("/event", "rewrites an order")],
        )
    if not isinstance(name, str) or name not in _EVENTS:
        known = ", ".join(sorted(_EVENTS))
        raise InvalidInputError(f"no such event is known; known are {known}", [Violation("/event", "unknown")])
    return _EVENTS[name](call)


def _purchase(call: Mapping[str, Any]) -> list[Item]:
    properties = _properties(call)
    lines = [_line(product, at) for at, product in enumerate(_products(properties))]
    head = {
        "purchase_id": _text(properties, "order_id"),
        "user_id": _user(call),
        "purchased_at": _moment(call),
        "currency": properties.get("currency"),
    }
    return [("purchases", {**head, "lines": lines})]


def _line(product: Mapping[str, Any], at: int) -> dict[str, Any]:
    category = product.get("category")
    line = {
        "product_id": _product_id(product, f"/properties/products/{at}/product_id"),
        "quantity": product.get("quantity", 1),
        "unit_price": product.get("price"),
        "categories": [part.strip() for part in category.split(">")] if isinstance(category, str) else None,
        **{name: product.get(name) for name in ("name", "brand", "image_url", "url")},
    }
    return {name: value for name, value in line.items() if value is not None}


def _refund(prefix: str) -> Callable[[Mapping[str, Any]], list[Item]]:
    """Take back the products that are named, or all of the order if none are."""

    def convert(call: Mapping[str, Any]) -> list[Item]:
        properties = _properties(call)
        order = _text(properties, "order_id")
        item = {
            "refund_id": str(call.get("messageId") or f"{prefix}-{order}"),
            "purchase_id": order,
            "user_id": _user(call),
            "refunded_at": _moment(call),
            **_optional(properties, currency="currency"),
        }
        if properties.get("products") is not None:
            item["lines"] = [_returned(product, at) for at, product in enumerate(_products(properties))]
        return [("refunds", item)]

    return convert


def _returned(product: Mapping[str, Any], at: int) -> dict[str, Any]:
    pointer = f"/properties/products/{at}/product_id"
    return {"product_id": _product_id(product, pointer), "quantity": product.get("quantity", 1)}


def _interest(kind: str) -> Callable[[Mapping[str, Any]], list[Item]]:
    def convert(call: Mapping[str, Any]) -> list[Item]:
        item = {
            "user_id": _user(call),
            "product_id": _product_id(_properties(call), "/properties/product_id"),
            "kind": kind,
            "source": "segment",
            **_optional(call, messageId="interest_id"),
            **_when(call, "expressed_at"),
        }
        return [("interests", item)]

    return convert


def _identify(call: Mapping[str, Any]) -> Item:
    traits = call.get("traits")
    given = dict(traits) if isinstance(traits, Mapping) else {}
    names = (("email", "email"), ("firstName", "first_name"))
    contact = {ours: given.pop(theirs) for theirs, ours in names if given.get(theirs)}
    plain = {name: value for name, value in given.items() if _is_trait(name, value)}
    item: dict[str, Any] = {
        "user_id": _user(call),
        **_optional(call, messageId="event_id"),
        **_when(call, "updated_at"),
    }
    return "users", item | ({"contact": contact} if contact else {}) | ({"traits": plain} if plain else {})


_EVENTS: dict[Any, Callable[[Mapping[str, Any]], list[Item]]] = {
    "Order Completed": _purchase,
    "Order Refunded": _refund("refund"),
    "Order Cancelled": _refund("cancel"),
    "Product Viewed": _interest("viewed"),
    "Product Clicked": _interest("viewed"),
    "Product Added to Wishlist": _interest("wished"),
}


def _is_trait(name: str, value: Any) -> bool:
    return name not in _PERSONAL and isinstance(value, str | int | bool)


def _properties(call: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = call.get("properties")
    if not isinstance(properties, Mapping):
        raise InvalidInputError("the call has no properties", [Violation("/properties", "must be an object")])
    return properties


def _products(properties: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    products = properties.get("products")
    if not isinstance(products, list) or not all(isinstance(each, Mapping) for each in products):
        raise InvalidInputError("the order has no products", [Violation("/properties/products", "must be an array")])
    return products


def _user(call: Mapping[str, Any]) -> str:
    return _text(call, "userId")


def _when(call: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the call's time under our name for it: when it happened, else when it was sent, else nothing."""
    given = (call.get(each) for each in ("timestamp", "originalTimestamp", "sentAt"))
    moment = next((each for each in given if each), None)
    return {} if moment is None else {name: moment}


def _moment(call: Mapping[str, Any]) -> Any:
    moment = _when(call, "at").get("at")
    if moment is None:
        raise InvalidInputError("an order needs its time", [Violation("/timestamp", "is required")])
    return moment


def _product_id(product: Mapping[str, Any], pointer: str) -> str:
    value = product.get("product_id") or product.get("sku")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidInputError("a product has no id", [Violation(pointer, "is required")])
    return str(value)


def _text(mapping: Mapping[str, Any], name: str) -> str:
    value = mapping.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidInputError(f"{name} is missing", [Violation(f"/{name}", "is required")])
    return str(value)


def _optional(call: Mapping[str, Any], **names: str) -> dict[str, Any]:
    return {ours: call[theirs] for theirs, ours in names.items() if call.get(theirs)}
