"""API keys over HTTP: a shop's admin makes, lists, replaces and ends the shop's own."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import Any

from apiflask import APIBlueprint

from services.gateway import model, questions
from services.gateway.answers import operations as shown
from services.gateway.auditing import audited
from services.gateway.paging import page, paged
from services.gateway.ports import GatewayPorts
from services.gateway.routes.users import listed
from shared import auth
from shared.errors import InvalidInputError, Violation
from shared.web.allowances import within
from shared.web.contract import Answer, body_of, describes
from shared.web.guard import principal, requires

_MOST = 100
_SHOWN_ONCE = Answer(shown.NewKey, kept=False)


def blueprint(ports: GatewayPorts) -> APIBlueprint:
    """Return the routes of API keys."""
    routes = APIBlueprint("keys", __name__, tag="Keys")
    _reading(routes, ports)
    _making(routes, ports)
    _ending(routes, ports)
    return routes


def _reading(routes: APIBlueprint, ports: GatewayPorts) -> None:
    @routes.get("/v1/keys")
    @requires("admin")
    @describes({200: listed(shown.Keys)}, query=questions.Paging)
    def list_keys() -> Any:
        """List the shop's API keys, newest first; never their texts."""
        found = auth.keys_page(ports.history, principal().shop, **paged(_MOST))
        used = {each.id: auth.last_used(ports.history, each.id) for each in found.items}
        return page([model.key(each, used[each.id]) for each in found.items], found.next_token)


def _making(routes: APIBlueprint, ports: GatewayPorts) -> None:
    @routes.post("/v1/keys")
    @requires("admin")
    @describes({201: _SHOWN_ONCE}, body=questions.NewKey)
    def make_key() -> Any:
        """Make a key for the shop; its text is in this answer and kept nowhere."""
        wanted, who, clock = body_of(questions.NewKey), principal(), ports.clock
        if wanted.expires_at is not None and wanted.expires_at <= clock.now():
            raise InvalidInputError("the key would have expired", [Violation("/expires_at", "must be in the future")])
        limits = within(wanted.limits.model_dump(exclude_none=True) if wanted.limits else {}, ports.settings)
        text, document = auth.create_key(
            ports.history, who.shop, wanted.scopes, ports.settings.environment, clock, wanted.expires_at, wanted.name
        )
        if limits:
            document = auth.limit_key(ports.history, document, limits)
        audited(ports, "key.created", document.id, " ".join(document.body["scopes"]))
        return {**model.key(document), "key": text}, HTTPStatus.CREATED

    @routes.post("/v1/keys/<id:id>/rotate")
    @requires("admin")
    @describes({201: _SHOWN_ONCE}, body=questions.Rotation, errors=(404, 409))
    def rotate_key(id: str) -> Any:
        """Make a key that takes another's place; both work for the overlap, then the old one ends."""
        overlap = timedelta(hours=body_of(questions.Rotation).overlap_hours)
        environment = ports.settings.environment
        text, document = auth.rotate(ports.history, id, overlap, environment, ports.clock, principal().shop)
        audited(ports, "key.rotated", id, document.id)
        return {**model.key(document), "key": text}, HTTPStatus.CREATED


def _ending(routes: APIBlueprint, ports: GatewayPorts) -> None:

    @routes.delete("/v1/keys/<id:id>")
    @requires("admin")
    @describes({204: None}, errors=(404,))
    def revoke_key(id: str) -> Any:
        """End a key of the shop; it works for half a minute more at most."""
        auth.revoke(ports.history, id, ports.clock, principal().shop)
        audited(ports, "key.revoked", id)
        return None, HTTPStatus.NO_CONTENT
