"""What is answered, as plain data; and what follows from what is known. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from msgspec import structs

from shared.bus.port import Position
from shared.clock import from_ms
from shared.contracts.requests import EXPIRED, PARKED
from shared.errors import InvalidInputError, Violation
from shared.history.port import Conflict, Document, Entry
from shared.knowledge.insight import Interest, Product, Profile
from shared.knowledge.names import tidy
from shared.knowledge.recommend import Recommendation
from shared.web import strictjson

Query = Mapping[str, str]

_OF_JOB = ("kind", "status", "user_id", "result")
_SCOPE_OF_JOB = {
    "emails": "emails:read",
    "boards": "boards:read",
    "templates": "templates:read",
    "erasures": "profiles:erase",
}
_OF_CAMPAIGN = ("period", "makes", "template", "layout", "status", "expected", "made", "skipped", "failed", "reasons")
_EXPIRED = {"code": EXPIRED, "detail": "nobody answered the request in time; ask again"}
_OWN_WORD = 2
_RANKS = {"shop": 0, "hard-bounce": 1, "complaint": _OWN_WORD, "unsubscribed": _OWN_WORD}
ERASURE_EXPIRES_MS = 24 * 3_600_000  # an erasure waits longer than an email: what lags is still carried out
_NOT_ERASED = {"code": EXPIRED, "detail": "the erasure was not carried out in time; ask again, twice does no harm"}


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


def iso(ms: int | None) -> str | None:
    """Return a moment as text."""
    return None if ms is None else from_ms(ms).isoformat()


def profile(one: Profile) -> dict[str, Any]:
    """Return a profile as JSON."""
    top = [{"name": name, "title": tidy(name), "share": share} for name, share in one.top_categories]
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
    return {**asdict(one), "title": tidy(one.name), "at": iso(one.at)}


def product(one: Product) -> dict[str, Any]:
    """Return a product as JSON."""
    return {**structs.asdict(one), "title": tidy(one.title)}


def entry(one: Entry) -> dict[str, Any]:
    """Return an event as JSON; `titles` are its products' names as they would be printed."""
    data = strictjson.loads(one.data)
    lines = data.get("lines") or ()
    return {
        "id": one.id,
        "kind": one.kind.value,
        "type": one.type,
        "at": iso(one.at),
        "user_id": one.user_id,
        "product_id": one.product_id,
        "titles": [tidy(str(line.get("name") or line["product_id"])) for line in lines],
        "data": data,
    }


def recommendation(one: Recommendation, *, known: bool) -> dict[str, Any]:
    """Return the slates as JSON."""
    return {
        "user_id": one.user_id,
        "known": known,
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


def job(document: Document, now: int) -> dict[str, Any]:
    """Return a job as JSON at a moment (ms): with where its result is once it is done, and why if it failed."""
    body = document.body
    shown = {"job_id": document.id, **{name: body[name] for name in _OF_JOB if body.get(name) is not None}}
    if body["status"] == "pending" and now > body.get("expires_at", now):
        return {**shown, "status": "expired", "problem": _problem(_EXPIRED, document.id)}
    if body["status"] == "done" and not body.get("preview") and body["kind"] in {"emails", "boards"}:
        shown["location"] = f"/v1/{body['kind']}/{document.id}"
    if told := body.get("problem"):
        shown["problem"] = _problem(told, document.id)
    return shown


def erasure(document: Document, now: int, *, erased: bool) -> dict[str, Any]:
    """Return an erasure's job as JSON: done whenever the person is forgotten, however late."""
    shown = {"job_id": document.id, "kind": document.body["kind"]}
    if erased:
        return {**shown, "status": "done"}
    if now > document.body.get("expires_at", document.updated_at + ERASURE_EXPIRES_MS):
        return {**shown, "status": EXPIRED, "problem": _problem(_NOT_ERASED, document.id)}
    return {**shown, "status": document.body["status"]}


def scope_of_job(kind: str) -> str:
    """Return the scope that lets somebody see a job: that of what it makes."""
    return _SCOPE_OF_JOB.get(kind, "admin")


def outranks(reason: str, other: str) -> bool:
    """Say whether a suppression's reason replaces another's; a person's latest own word replaces all."""
    return _rank(reason) >= max(_rank(other), 1)


def _rank(reason: str) -> int:
    """Return how much a reason weighs; one that we do not know is taken for a person's own word."""
    return _RANKS.get(reason, _OWN_WORD)


def lifts(suppression: Mapping[str, Any], consents: Iterable[tuple[int, bool]]) -> bool:
    """Say whether a shop may end a suppression: a person's own only after their new consent, the others always.

    `consents` are the moments (ms) at which the person said yes or no to marketing.
    """
    if _rank(str(suppression["reason"])) < _OWN_WORD:
        return True
    later = [(at, agreed) for at, agreed in consents if at > int(suppression["at"])]
    return max(later)[1] if later else False


def consents(entries: Iterable[Entry]) -> Iterator[tuple[int, bool]]:
    """Yield when a person said yes or no to marketing."""
    for one in entries:
        consent = strictjson.loads(one.data).get("consent")
        if consent is not None:
            yield one.at, bool(consent["marketing"])


def campaign(document: Document) -> dict[str, Any]:
    """Return a campaign as JSON, with how far it has come."""
    body, id = document.body, document.id
    times = {name: iso(body[name]) for name in ("created_at", "finished_at")}
    told = {"id": id, "campaign": body["name"], **{name: body[name] for name in _OF_CAMPAIGN}, **times}
    return {**told, "result": f"/v1/campaigns/{id}/result"}


def rule(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return a business rule as JSON."""
    return {**said, "starts_at": iso(said["starts_at"]), "ends_at": iso(said["ends_at"])}


def key(document: Document, used_at: int | None = None) -> dict[str, Any]:
    """Return an API key as JSON; never its digest."""
    body = document.body
    times = {name: iso(body[name]) for name in ("created_at", "expires_at", "revoked_at")}
    told = {"id": document.id, "name": body.get("name"), "scopes": list(body["scopes"]), **times}
    own = {"replaces": body.get("replaces"), "limits": body.get("limits") or {}}
    return {**told, "last_used_at": iso(used_at), **own}


def deed(document: Document) -> dict[str, Any]:
    """Return an entry of the audit trail as JSON."""
    body = dict(document.body)
    return {"id": document.id, **body, "at": iso(body["at"])}


def suppression(document: Document) -> dict[str, Any]:
    """Return a suppression as JSON."""
    return {"user_id": document.id, "reason": str(document.body["reason"]), "at": iso(document.body["at"])}


def place(position: Position) -> dict[str, Any]:
    """Return where a message stands as JSON; the log's identity is nothing to a client."""
    return {"topic": position.topic, "partition": position.partition, "offset": position.offset}


def conflict(one: Conflict) -> dict[str, Any]:
    """Return a conflict as JSON."""
    return {
        "kind": one.kind.value,
        "id": one.id,
        "stands": strictjson.loads(one.stands),
        "quarantined": strictjson.loads(one.quarantined),
        "origin": place(one.origin),
        "seen_at": iso(one.seen_at),
    }


def _problem(told: Mapping[str, Any], job_id: str) -> dict[str, Any]:
    found = [{"pointer": str(each["pointer"]), "detail": str(each["detail"])} for each in told.get("violations") or ()]
    return {
        "type": f"/problems/{told.get('code', 'failed')}",
        "title": "Unprocessable Entity" if found else "The request failed",
        "status": 500 if told.get("code") == PARKED else 422,
        "detail": str(told.get("detail", "")),
        "trace_id": job_id,
        "errors": found or None,
    }
