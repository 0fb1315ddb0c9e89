"""What is asked in a query string or body, and what is answered, as plain data. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, get_args

from shared.clock import from_ms, to_ms
from shared.contracts.events import Kind
from shared.errors import InvalidInputError, Violation
from shared.history.port import Dimension, Document, Entry, Period, TrendQuery, TrendRow
from shared.knowledge.insight import Interest, Neighbour, Product, Profile
from shared.knowledge.recommend import Recommendation
from shared.web import strictjson

Query = Mapping[str, str]


def bad(name: str, detail: str) -> InvalidInputError:
    """Return the error that one field deserves."""
    return InvalidInputError(f"{name} {detail}", [Violation(f"/{name}", detail)])


def whole(query: Query, name: str, default: int, most: int) -> int:
    """Return a whole number from 1 to `most`.

    Raises:
        InvalidInputError: it is not one.
    """
    text = query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most):  # noqa: PLR2004 (bounds int())
        raise bad(name, f"must be a whole number from 1 to {most}")
    return int(text)


def choice(query: Query, name: str, default: str, choices: tuple[str, ...]) -> Any:
    """Return one of the words.

    Raises:
        InvalidInputError: it is another.
    """
    value = query.get(name, default)
    if value not in choices:
        raise bad(name, f"must be one of {', '.join(choices)}")
    return value


def moment(query: Query, name: str) -> int | None:
    """Return an ISO 8601 date or time in ms (UTC where no zone is given), or none.

    Raises:
        InvalidInputError: it is not one.
    """
    text = query.get(name)
    if not text:
        return None
    try:
        parsed = datetime.fromisoformat(text)
        return to_ms(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise bad(name, "must be a date or time such as 2026-05-03 or 2026-05-03T10:00:00Z") from None


def kinds(query: Query) -> tuple[Kind, ...]:
    """Return the kinds of events asked for, comma-separated; none means all.

    Raises:
        InvalidInputError: a kind is unknown.
    """
    words = tuple(word for word in query.get("kinds", "").split(",") if word)
    try:
        return tuple(Kind(word) for word in words)
    except ValueError:
        raise bad("kinds", f"must be among {', '.join(kind.value for kind in Kind)}") from None


def trend_query(shop: str, query: Query) -> TrendQuery:
    """Return the question about trends.

    Raises:
        InvalidInputError: a parameter is out of range.
    """
    return TrendQuery(
        shop=shop,
        by=choice(query, "by", "total", get_args(Dimension)),
        period=choice(query, "period", "month", get_args(Period)),
        user_id=query.get("user_id") or None,
        key=query.get("key") or None,
        since=moment(query, "since"),
        until=moment(query, "until"),
        limit=whole(query, "limit", 500, 2_000),
    )


def iso(ms: int | None) -> str | None:
    """Return a moment as text."""
    return None if ms is None else from_ms(ms).isoformat()


def profile(one: Profile) -> dict[str, Any]:
    """Return a profile as JSON."""
    top = [{"name": name, "share": share} for name, share in one.top_categories]
    return {
        "user_id": one.user_id,
        "traits": dict(one.traits),
        "locale": one.locale,
        "consent": one.consent,
        "first_at": iso(one.first_at),
        "last_at": iso(one.last_at),
        "products": one.products,
        "purchases": one.purchases,
        "top_categories": top,
        "interests": [interest(each) for each in one.interests],
    }


def interest(one: Interest) -> dict[str, Any]:
    """Return an interest as JSON."""
    return {**asdict(one), "at": iso(one.at)}


def product(one: Product) -> dict[str, Any]:
    """Return a product as JSON."""
    return {**asdict(one), "title": one.title}


def neighbours(found: list[Neighbour]) -> dict[str, Any]:
    """Return neighbours as JSON."""
    return {"items": [asdict(each) for each in found]}


def entry(one: Entry) -> dict[str, Any]:
    """Return an event as JSON."""
    return {
        "id": one.id,
        "kind": one.kind.value,
        "type": one.type,
        "at": iso(one.at),
        "user_id": one.user_id,
        "product_id": one.product_id,
        "data": strictjson.loads(one.data),
    }


def trend(row: TrendRow) -> dict[str, Any]:
    """Return a row of trends as JSON; sums stay exact, as text."""
    return asdict(row)


def recommendation(one: Recommendation) -> dict[str, Any]:
    """Return the slates as JSON."""
    return {
        "user_id": one.user_id,
        "at": iso(one.at),
        "served_by": one.served_by,
        "decision_id": one.decision_id,
        "top": [item.as_json() for item in one.top],
        "buy_again": [item.as_json() for item in one.buy_again],
        "discover": [item.as_json() for item in one.discover],
    }


def made(document: Document, route: str) -> dict[str, Any]:
    """Return an email or a board as JSON, without where its files are kept."""
    hidden = {"files", "pictures", "html", "text"}
    body = {name: value for name, value in document.body.items() if name not in hidden}
    kept = document.body.get("files") or document.body.get("pictures") or []
    return {**body, "files": [each["file"] for each in kept], "self": f"/v1/{route}/{document.id}"}


def job(document: Document) -> dict[str, Any]:
    """Return a job as JSON, with where its result is once it is done."""
    shown = {name: value for name, value in document.body.items() if name != "digest"}
    if shown["status"] == "done" and not shown["preview"]:
        shown["location"] = f"/v1/{shown['kind']}/{document.id}"
    return {"job_id": document.id, **shown}
