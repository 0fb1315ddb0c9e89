"""Who gets no more emails: the link in every email, and the shop's own list."""

from __future__ import annotations

from html import escape
from http import HTTPStatus

from apiflask import APIBlueprint
from flask import Response

from services.gateway.ports import GatewayPorts
from shared.clock import to_ms
from shared.unsubscribe import verify
from shared.web.guard import principal, public, requires

SUPPRESSIONS = "suppressions"


def blueprint(ports: GatewayPorts) -> APIBlueprint:
    """Return the routes of unsubscribing and suppressions."""
    routes = APIBlueprint("consent", __name__, tag="Consent")
    _link(routes, ports)
    _list(routes, ports)
    return routes


def _link(routes: APIBlueprint, ports: GatewayPorts) -> None:
    @routes.get("/v1/unsubscribe/<token>")
    @public
    def ask(token: str) -> Response:
        """Ask the reader to confirm; looking at a link changes nothing, for mail scanners look at all of them."""
        verify(token, ports.signing_key)
        return _page("Unsubscribe?", '<form method="post"><button>Yes, no more emails</button></form>')

    @routes.post("/v1/unsubscribe/<token>")
    @public
    def unsubscribe(token: str) -> Response:
        """Send this reader no more emails (also RFC 8058's one click)."""
        shop, user_id = verify(token, ports.signing_key)
        _suppress(ports, shop, user_id, "unsubscribed")
        return _page("Unsubscribed", "<p>You will get no more of these emails.</p>")


def _list(routes: APIBlueprint, ports: GatewayPorts) -> None:
    @routes.put("/v1/suppressions/<user_id>")
    @requires("emails:write")
    def suppress(user_id: str) -> tuple[str, int]:
        """Send a user no more emails."""
        _suppress(ports, principal().shop, user_id, "shop")
        return "", HTTPStatus.NO_CONTENT

    @routes.delete("/v1/suppressions/<user_id>")
    @requires("emails:write")
    def release(user_id: str) -> tuple[str, int]:
        """Let a user get emails again."""
        ports.history.delete(SUPPRESSIONS, principal().shop, user_id)
        return "", HTTPStatus.NO_CONTENT


def _suppress(ports: GatewayPorts, shop: str, user_id: str, reason: str) -> None:
    ports.history.put(SUPPRESSIONS, shop, user_id, {"reason": reason, "at": to_ms(ports.clock.now())})


def _page(title: str, body: str) -> Response:
    words = escape(title)
    html = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="robots" content="noindex">'
        f'<meta name="viewport" content="width=device-width"><title>{words}</title><style>body{{font:18px/1.5 '
        f"system-ui;max-width:30rem;margin:4rem auto;padding:0 1rem}}</style><h1>{words}</h1>{body}</html>"
    )
    return Response(html, mimetype="text/html")
