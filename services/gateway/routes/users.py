"""Users: who they are, what they did, what to offer them, who is like them."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from apiflask import APIBlueprint
from flask import request

from services.gateway import model
from services.gateway.interests import express
from services.gateway.ports import GatewayPorts
from shared.contracts.events import Kind
from shared.knowledge.recommend import recommend
from shared.web import strictjson
from shared.web.app import correlation_id
from shared.web.guard import principal, requires

_MOST = 200


def blueprint(ports: GatewayPorts) -> APIBlueprint:
    """Return the routes about users."""
    routes = APIBlueprint("users", __name__, tag="Users")
    _who(routes, ports)
    _what(routes, ports)
    _whereto(routes, ports)
    return routes


def _who(routes: APIBlueprint, ports: GatewayPorts) -> None:
    @routes.get("/v1/users")
    @requires("profiles:read")
    def users() -> dict[str, Any]:
        """List user ids in order; `after` continues behind one of them."""
        limit = model.whole(request.args, "limit", 50, 1_000)
        found = ports.knowledge.users(principal().shop, after=request.args.get("after", ""), limit=limit)
        return {"items": found, "next": found[-1] if len(found) == limit else ""}

    @routes.get("/v1/users/<user_id>")
    @requires("profiles:read")
    def user(user_id: str) -> dict[str, Any]:
        """Show a user at a glance."""
        return model.profile(ports.profile(principal().shop, user_id))

    @routes.get("/v1/users/<user_id>/interests")
    @requires("profiles:read")
    def interests(user_id: str) -> dict[str, Any]:
        """List a user's interests, strongest first."""
        found = ports.profile(principal().shop, user_id).interests
        return {"items": [model.interest(each) for each in found]}

    @routes.post("/v1/users/<user_id>/interests")
    @requires("events:write")
    def add_interest(user_id: str) -> tuple[dict[str, Any], int]:
        """Take in an interest of a user: a name or a product_id, and how relevant it is (0 to 1)."""
        body, key = strictjson.loads(request.get_data()), request.headers.get("Idempotency-Key")
        event = express(principal().shop, user_id, body, ports, key=key, correlation_id=correlation_id())
        return {"interest_id": event.interest_id, "outcome": "accepted"}, HTTPStatus.ACCEPTED


def _what(routes: APIBlueprint, ports: GatewayPorts) -> None:
    @routes.get("/v1/users/<user_id>/purchases")
    @requires("profiles:read")
    def purchases(user_id: str) -> dict[str, Any]:
        """List a user's purchases and refunds, newest first."""
        return _timeline(ports, user_id, (Kind.PURCHASE, Kind.REFUND))

    @routes.get("/v1/users/<user_id>/timeline")
    @requires("profiles:read")
    def timeline(user_id: str) -> dict[str, Any]:
        """List all that happened with a user, newest first; `kinds` picks some."""
        return _timeline(ports, user_id, model.kinds(request.args))


def _timeline(ports: GatewayPorts, user_id: str, kinds: Sequence[Kind]) -> dict[str, Any]:
    shop = principal().shop
    ports.profile(shop, user_id)
    page = ports.history.timeline(
        shop,
        user_id=user_id,
        kinds=kinds,
        page_token=request.args.get("page_token", ""),
        page_size=model.whole(request.args, "page_size", 50, _MOST),
    )
    return {"items": [model.entry(each) for each in page.items], "next": page.next_token}


def _whereto(routes: APIBlueprint, ports: GatewayPorts) -> None:
    @routes.get("/v1/users/<user_id>/recommendations")
    @requires("profiles:read")
    def recommendations(user_id: str) -> dict[str, Any]:
        """Say what to offer a user: what to buy again, what to discover, and why; `at` asks as of a moment."""
        shop, limit = principal().shop, model.whole(request.args, "limit", 10, 50)
        at = model.moment(request.args, "at")
        ports.profile(shop, user_id)
        return model.recommendation(recommend(ports.knowledge.insight(shop, user_id, at), limit))

    @routes.get("/v1/users/<user_id>/similar")
    @requires("graph:read")
    def similar(user_id: str) -> dict[str, Any]:
        """List users with the same taste, and what they share."""
        shop, limit = principal().shop, model.whole(request.args, "limit", 20, 50)
        ports.profile(shop, user_id)
        return model.neighbours(ports.knowledge.similar_users(shop, user_id, limit))
