"""Users: who they are, what they did, what to offer them, who is like them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from apiflask import APIBlueprint

from services.gateway import graphs, model, questions
from services.gateway.answers import users as shown
from services.gateway.degrade import or_a_copy
from services.gateway.interests import express
from services.gateway.once import HEADER, idempotency_key, once, scoped
from services.gateway.paging import page, place_of, question_of, size, token_after
from services.gateway.ports import GatewayPorts
from shared.contracts.events import Kind
from shared.decisions import decided
from shared.web.app import correlation_id
from shared.web.contract import Answer, body_of, describes, query_of
from shared.web.guard import principal, requires

_MOST, _MOST_IDS = 200, 500
ANN = {"user_id": "ann"}


def listed(type_: Any) -> Answer:
    """Return the answer that is a page of a list."""
    return Answer(type_, headers=("Link",))


def blueprint(ports: GatewayPorts) -> APIBlueprint:
    """Return the routes about users."""
    routes = APIBlueprint("users", __name__, tag="Users")
    _who(routes, ports)
    _interests(routes, ports)
    _what(routes, ports)
    _whereto(routes, ports)
    return routes


def _who(routes: APIBlueprint, ports: GatewayPorts) -> None:
    @routes.get("/v1/users")
    @requires("profiles:read")
    @or_a_copy(ports.copies)
    @describes({200: listed(shown.Users)}, query=questions.Paging)
    def list_users() -> Any:
        """List user ids in order."""
        asked, shop = query_of(questions.Paging), principal().shop
        after, most = place_of("users", asked.page_token, ""), size(asked, _MOST_IDS)
        found = ports.knowledge.users(shop, after=after, limit=most + 1)
        return page(found[:most], token_after("users", found[most - 1]) if len(found) > most else "")

    @routes.get("/v1/users/<id:user_id>")
    @requires("profiles:read", own=True)
    @or_a_copy(ports.copies)
    @describes({200: shown.Profile}, errors=(404,), examples=ANN)
    def user(user_id: str) -> Any:
        """Show a user at a glance."""
        return model.profile(ports.profile(principal().shop, user_id))


def _interests(routes: APIBlueprint, ports: GatewayPorts) -> None:
    @routes.get("/v1/users/<id:user_id>/interests")
    @requires("profiles:read")
    @or_a_copy(ports.copies)
    @describes({200: shown.Interests}, errors=(404,), examples=ANN)
    def user_interests(user_id: str) -> Any:
        """List a user's interests, strongest first."""
        found = ports.profile(principal().shop, user_id).interests
        return {"items": [model.interest(each) for each in found]}

    @routes.post("/v1/users/<id:user_id>/interests")
    @requires("events:write")
    @once(ports.counters, ports.history)
    @describes({202: shown.Taken}, body=questions.NewInterest, errors=(404, 409), headers=(HEADER,), examples=ANN)
    def add_interest(user_id: str) -> Any:
        """Take in an interest of a user: a name or a product_id, and how relevant it is (0 to 1)."""
        body = body_of(questions.NewInterest).model_dump(exclude_unset=True, exclude_none=True)
        shop, key = principal().shop, idempotency_key()
        named = f"{scoped('interests')}\n{key}" if key else None
        event = express(shop, user_id, body, ports, key=named, correlation_id=correlation_id())
        return {"interest_id": event.interest_id, "outcome": "accepted"}


def _what(routes: APIBlueprint, ports: GatewayPorts) -> None:
    @routes.get("/v1/users/<id:user_id>/purchases")
    @requires("profiles:read")
    @or_a_copy(ports.copies)
    @describes({200: listed(shown.Timeline)}, query=questions.Paging, errors=(404,), examples=ANN)
    def user_purchases(user_id: str) -> Any:
        """List a user's purchases and refunds, newest first."""
        return _timeline(ports, user_id, query_of(questions.Paging), (Kind.PURCHASE, Kind.REFUND))

    @routes.get("/v1/users/<id:user_id>/timeline")
    @requires("profiles:read")
    @or_a_copy(ports.copies)
    @describes({200: listed(shown.Timeline)}, query=questions.TimelinePaging, errors=(404,), examples=ANN)
    def user_timeline(user_id: str) -> Any:
        """List all that happened with a user, newest first."""
        asked = query_of(questions.TimelinePaging)
        return _timeline(ports, user_id, asked, asked.kinds)


def _timeline(ports: GatewayPorts, user_id: str, asked: questions.Paging, kinds: Sequence[Kind]) -> Any:
    shop, most = principal().shop, size(asked, _MOST)
    ports.profile(shop, user_id)
    found = ports.history.timeline(shop, user_id=user_id, kinds=kinds, page_token=asked.page_token, page_size=most)
    return page([model.entry(each) for each in found.items], found.next_token)


def _whereto(routes: APIBlueprint, ports: GatewayPorts) -> None:
    @describes({200: shown.Recommendations})
    def popular(shop: str) -> Any:
        """Say what is offered to somebody who is not known."""
        _, offered = decided(shop, "", ports.knowledge, ports.history, now=ports.clock.now())
        return model.recommendation(offered, known=False)

    @routes.get("/v1/users/<id:user_id>/recommendations")
    @requires("profiles:read", own=True)
    @or_a_copy(ports.copies, popular)
    @describes({200: shown.Recommendations}, query=questions.Offers, errors=(404,), examples=ANN)
    def recommendations(user_id: str) -> Any:
        """Say what to offer a user: what to buy again, what to discover, and why; popular products to the unknown."""
        asked = query_of(questions.Offers)
        shop, now = principal().shop, ports.clock.now()
        insight, offered = decided(
            shop, user_id, ports.knowledge, ports.history, now=now, at=asked.at, limit=asked.limit
        )
        return model.recommendation(offered, known=insight.known)

    @routes.get("/v1/users/<id:user_id>/similar")
    @requires("graph:read")
    @or_a_copy(ports.copies)
    @describes({200: listed(shown.Neighbours)}, query=questions.Likeness, errors=(404,), examples=ANN)
    def similar_users(user_id: str) -> Any:
        """List users with the same taste, and what they share."""
        shop, asked = principal().shop, query_of(questions.Likeness)
        ports.profile(shop, user_id)
        found = ports.knowledge.similar_users(shop, user_id, graphs.MOST_ALIKE)
        return graphs.alike(found, asked, question_of("user", user_id))
