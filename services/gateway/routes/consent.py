"""Who gets no more emails: the link in every email, and the shop's own list."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from html import escape
from http import HTTPStatus
from typing import Any

from apiflask import APIBlueprint
from flask import Response

from services.gateway import model, questions
from services.gateway.answers import operations as shown
from services.gateway.once import HEADER, once
from services.gateway.paging import page, paged
from services.gateway.ports import GatewayPorts
from services.gateway.routes.users import ANN, listed
from services.gateway.suppressions import SUPPRESSIONS, Reports, suppress, take
from shared.contracts.codec import Envelope, encode
from shared.contracts.events import Consent, Kind, UserUpdated
from shared.errors import ConflictError
from shared.unsubscribe import verify
from shared.web.app import correlation_id
from shared.web.contract import Answer, body_of, describes
from shared.web.guard import principal, public, requires

_MOST = 500
_LATEST = 100  # of what became known of a user; an older consent is not a new one


def blueprint(ports: GatewayPorts) -> APIBlueprint:
    """Return the routes of unsubscribing and suppressions."""
    routes = APIBlueprint("consent", __name__, tag="Consent")
    _link(routes, ports)
    _list(routes, ports)
    _changes(routes, ports)
    _reports(routes, ports)
    _word(routes, ports)
    return routes


class OptedOutError(ConflictError):
    """The user unsubscribed; only their own new consent lifts that."""

    code = "opted-out"

    def __init__(self) -> None:
        super().__init__("the user unsubscribed; only their own new consent lifts that")


def _link(routes: APIBlueprint, ports: GatewayPorts) -> None:
    @routes.get("/v1/unsubscribe/<token>")
    @public
    @describes({200: Answer(None, ("text/html",))}, errors=(404,))
    def ask_to_unsubscribe(token: str) -> Response:
        """Ask the reader to confirm; looking at a link changes nothing, for mail scanners look at all of them."""
        verify(token, ports.signing_key)
        return _page("Unsubscribe?", '<form method="post"><button>Yes, no more emails</button></form>')

    @routes.post("/v1/unsubscribe/<token>")
    @public
    @describes({200: Answer(None, ("text/html",))}, errors=(404,))
    def unsubscribe(token: str) -> Response:
        """Send this reader no more emails (also RFC 8058's one click)."""
        shop, user_id = verify(token, ports.signing_key)
        suppress(ports, shop, user_id, "unsubscribed")
        return _page("Unsubscribed", "<p>You will get no more of these emails.</p>")


def _list(routes: APIBlueprint, ports: GatewayPorts) -> None:
    @routes.get("/v1/suppressions")
    @requires("emails:read")
    @describes({200: listed(shown.Suppressions)}, query=questions.Paging)
    def suppressions() -> Any:
        """List who gets no marketing, last changed first."""
        found = ports.history.find(SUPPRESSIONS, principal().shop, **paged(_MOST))
        return page([model.suppression(each) for each in found.items], found.next_token)

    @routes.get("/v1/suppressions/<id:user_id>")
    @requires("emails:read")
    @describes({200: shown.Suppression}, errors=(404,), examples=ANN)
    def suppression(user_id: str) -> Any:
        """Say why a user gets no marketing."""
        return model.suppression(ports.document(SUPPRESSIONS, principal().shop, user_id))


def _changes(routes: APIBlueprint, ports: GatewayPorts) -> None:
    @routes.put("/v1/suppressions/<id:user_id>")
    @requires("emails:write")
    @describes({204: None}, errors=(404,), examples=ANN)
    def suppress_user(user_id: str) -> Any:
        """Send a user no more emails."""
        suppress(ports, principal().shop, user_id, "shop")
        return None, HTTPStatus.NO_CONTENT

    @routes.delete("/v1/suppressions/<id:user_id>")
    @requires("emails:write")
    @describes({204: None}, errors=(404, 409), examples=ANN)
    def release(user_id: str) -> Any:
        """Let a user get emails again. Who unsubscribed must have consented anew since, else this is 409."""
        shop = principal().shop
        known = ports.history.get(SUPPRESSIONS, shop, user_id)
        if known is not None and not model.lifts(known.body, _consents(ports, shop, user_id)):
            raise OptedOutError
        ports.history.delete(SUPPRESSIONS, shop, user_id)
        return None, HTTPStatus.NO_CONTENT


def _reports(routes: APIBlueprint, ports: GatewayPorts) -> None:
    @routes.post("/v1/suppressions/events")
    @requires("emails:write")
    @once(ports.counters, ports.history)
    @describes({200: shown.Taken}, body=Reports, errors=(409,), headers=(HEADER,))
    def take_reports() -> Any:
        """Take in what mailboxes said: hard bounces, complaints and unsubscriptions suppress, at once and for good."""
        shop = principal().shop
        return {"outcomes": [take(ports, shop, each) for each in body_of(Reports).events]}


def _word(routes: APIBlueprint, ports: GatewayPorts) -> None:
    @routes.get("/v1/users/<id:user_id>/consent")
    @requires("profiles:read")
    @describes({200: shown.Consent}, errors=(404,), examples=ANN)
    def consent(user_id: str) -> Any:
        """Say what a user last said to marketing, and whether they are suppressed."""
        shop = principal().shop
        ports.profile(shop, user_id)
        at, agreed = max(_consents(ports, shop, user_id), default=(None, None))
        known = ports.history.get(SUPPRESSIONS, shop, user_id)
        return {"user_id": user_id, "marketing": agreed, "at": model.iso(at), "suppressed": known is not None}

    @routes.put("/v1/users/<id:user_id>/consent")
    @requires("events:write")
    @describes({202: shown.Said}, body=questions.Agreed, errors=(404,), examples=ANN)
    def say_consent(user_id: str) -> Any:
        """Take in what a user says to marketing; no lifts nothing and yes lifts no suppression by itself."""
        now, id = ports.clock.now(), uuid.uuid4().hex
        said = Consent(marketing=body_of(questions.Agreed).marketing)
        event = UserUpdated(event_id=id, user_id=user_id, updated_at=now, consent=said)
        ports.bus.publish([encode(Envelope(principal().shop, id, user_id, now.isoformat(), event, correlation_id()))])
        return {"event_id": id, "outcome": "accepted"}, HTTPStatus.ACCEPTED


def _consents(ports: GatewayPorts, shop: str, user_id: str) -> Iterator[tuple[int, bool]]:
    said = ports.history.timeline(shop, user_id=user_id, kinds=(Kind.USER,), page_size=_LATEST)
    return model.consents(said.items)


def _page(title: str, body: str) -> Response:
    words = escape(title)
    html = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="robots" content="noindex">'
        f'<meta name="viewport" content="width=device-width"><title>{words}</title><style>body{{font:18px/1.5 '
        f"system-ui;max-width:30rem;margin:4rem auto;padding:0 1rem}}</style><h1>{words}</h1>{body}</html>"
    )
    return Response(html, mimetype="text/html")
