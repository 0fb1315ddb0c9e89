"""A person's rights: to be forgotten, and to get all that is known of them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from apiflask import APIBlueprint
from flask import Response

from services.gateway import model
from services.gateway.answers import making
from services.gateway.asking import JOBS
from services.gateway.auditing import audited
from services.gateway.ports import GatewayPorts
from services.gateway.routes.users import ANN
from shared.clock import to_ms
from shared.contracts.codec import Envelope, encode
from shared.contracts.events import UserErased
from shared.erasures import MADE
from shared.errors import NotFoundError, OutcomeUnknownError, UnavailableError
from shared.history.port import Document, every
from shared.web.app import correlation_id
from shared.web.contract import Answer, describes
from shared.web.guard import principal, requires

_PAGE = 500
_KEPT_OF_A_PERSON = (*MADE, JOBS)
_INTERNAL = {"files", "pictures", "digest"}  # where things are kept, and what requests are compared by


def blueprint(ports: GatewayPorts) -> APIBlueprint:
    """Return the routes of erasure and export."""
    routes = APIBlueprint("privacy", __name__, tag="Privacy")
    pending = Answer(making.Pending, headers=("Location", "Retry-After"))
    known = "all that is known of the user"
    whole = Answer(dict[str, Any], description=known, headers=("Content-Disposition",), kept=False)

    @routes.delete("/v1/users/<id:user_id>")
    @requires("profiles:erase")
    @describes({202: pending}, errors=(404,), examples=ANN)
    def erase(user_id: str) -> Any:
        """Forget a user everywhere, known or not: what is still on its way is forgotten on arrival."""
        id = _erase(principal().shop, user_id, ports)
        told = {"Location": f"/v1/jobs/{id}", "Retry-After": "1"}
        return {"job_id": id, "status": "pending"}, HTTPStatus.ACCEPTED, told

    @routes.get("/v1/users/<id:user_id>/export")
    @requires("profiles:export")
    @describes({200: whole}, errors=(404,), examples=ANN)
    def export(user_id: str) -> Any:
        """Give all that is known of a user, as one file; somebody without a profile may have been written to."""
        shop = principal().shop
        profile = _known(shop, user_id, ports)
        audited(ports, "user.exported", "")
        response = Response(_all(shop, user_id, profile, ports), mimetype="application/json")
        name = quote(f"{user_id}.json", safe="")
        response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
        return response

    return routes


def _erase(shop: str, user_id: str, ports: GatewayPorts) -> str:
    """Publish that a user asked to be forgotten; the job names them as `erases`, so that erasing leaves it alone."""
    now, id = ports.clock.now(), uuid.uuid4().hex
    event = UserErased(event_id=id, user_id=user_id, erased_at=now)
    asked_at = to_ms(event.erased_at)
    expires_at = asked_at + model.ERASURE_EXPIRES_MS
    job = {
        "kind": "erasures",
        "status": "pending",
        "erases": user_id,
        "asked_at": asked_at,
        "expires_at": expires_at,
    }
    ports.history.put(JOBS, shop, id, job, expect=0)
    ports.copies.forget(shop, user_id)
    try:
        ports.bus.publish([encode(Envelope(shop, id, user_id, now.isoformat(), event, correlation_id()))])
    except OutcomeUnknownError:
        raise
    except UnavailableError:
        ports.history.delete(JOBS, shop, id)  # nothing was taken: nobody would ever end it
        raise
    audited(ports, "user.erased", id)
    return id


def _known(shop: str, user_id: str, ports: GatewayPorts) -> dict[str, Any] | None:
    """Return a user's profile, or none where there is none but something else is kept.

    Raises:
        NotFoundError: nothing at all is kept.
    """
    found = ports.knowledge.profile(shop, user_id)
    if found is not None:
        return model.profile(found)
    by_id = any(ports.history.get(collection, shop, user_id) for collection in ("contacts", "suppressions"))
    made = (each for collection in _KEPT_OF_A_PERSON for each in _documents(collection, shop, user_id, ports))
    if not by_id and next(made, None) is None:
        raise NotFoundError("there is no such user")
    return None


def _all(shop: str, user_id: str, profile: dict[str, Any] | None, ports: GatewayPorts) -> Iterator[bytes]:
    """Yield a JSON object piece by piece: a person may have a long history."""
    contact = ports.history.get("contacts", shop, user_id)
    reached = {name: value for name, value in contact.body.items() if name != "stamps"} if contact else None
    head: dict[str, Any] = {"profile": profile, "contact": reached}
    suppression = ports.history.get("suppressions", shop, user_id)
    head["suppression"] = model.suppression(suppression) if suppression else None
    yield json.dumps(head, ensure_ascii=False, default=str)[:-1].encode()
    yield from _array("events", (model.entry(each) for each in _events(shop, user_id, ports)))
    for collection in _KEPT_OF_A_PERSON:
        yield from _array(collection, (_whole(each, ports) for each in _documents(collection, shop, user_id, ports)))
    yield b"}"


def _whole(document: Document, ports: GatewayPorts) -> dict[str, Any]:
    """Return a document with its text, as its reader got it, and without what is about our keeping of it."""
    body = {name: value for name, value in document.body.items() if name not in _INTERNAL}
    text = next((each["key"] for each in document.body.get("files", ()) if each["file"] == "email.txt"), None)
    kept = ports.objects.get(text) if text else None
    return {**body, "text": kept.data.decode()} if kept else body


def _array(name: str, items: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    yield f', "{name}": ['.encode()
    for number, item in enumerate(items):
        yield (", " if number else "").encode() + json.dumps(item, ensure_ascii=False, default=str).encode()
    yield b"]"


def _events(shop: str, user_id: str, ports: GatewayPorts) -> Iterator[Any]:
    timeline = ports.history.timeline
    return every(lambda token: timeline(shop, user_id=user_id, page_token=token, page_size=_PAGE))


def _documents(collection: str, shop: str, user_id: str, ports: GatewayPorts) -> Iterator[Document]:
    wanted = {"user_id": user_id}
    return every(lambda token: ports.history.find(collection, shop, wanted, page_token=token, page_size=_PAGE))
