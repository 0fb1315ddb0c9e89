"""Communities of interest: people whose baskets are alike, who they are, and what is typical of them."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint

from services.gateway import graphs, questions
from services.gateway.answers import graph as shown
from services.gateway.answers.users import Users
from services.gateway.degrade import or_a_copy
from services.gateway.paging import page, place_of, question_of, size, sliced, token_after
from services.gateway.ports import GatewayPorts
from services.gateway.routes.users import listed
from shared.errors import NotFoundError
from shared.knowledge.insight import Community
from shared.web.contract import describes, query_of
from shared.web.guard import principal, requires

_MOST, _MOST_IDS = 100, 500


def blueprint(ports: GatewayPorts) -> APIBlueprint:
    """Return the routes about communities."""
    routes = APIBlueprint("communities", __name__, tag="Communities")
    _all(routes, ports)
    _whom(routes, ports)
    _what(routes, ports)
    return routes


def _all(routes: APIBlueprint, ports: GatewayPorts) -> None:
    @routes.get("/v1/communities")
    @requires("graph:read")
    @or_a_copy(ports.copies)
    @describes({200: listed(shown.Communities)}, query=questions.Paging)
    def communities() -> Any:
        """List people whose baskets are alike as communities, the largest first, and what they buy."""
        asked = query_of(questions.Paging)
        found = ports.knowledge.communities(principal().shop)
        some, following = sliced(found, "communities", asked.page_token, size(asked, _MOST))
        return page([graphs.community(each) for each in some], following)

    @routes.get("/v1/communities/<id:id>")
    @requires("graph:read")
    @or_a_copy(ports.copies)
    @describes({200: shown.Community}, errors=(404,))
    def community(id: str) -> Any:
        """Show a community and the products that are most typical of it."""
        return graphs.community(_known(ports, id))


def _whom(routes: APIBlueprint, ports: GatewayPorts) -> None:
    @routes.get("/v1/communities/<id:id>/users")
    @requires("graph:read")
    @or_a_copy(ports.copies)
    @describes({200: listed(Users)}, query=questions.Paging, errors=(404,))
    def community_users(id: str) -> Any:
        """List a community's user ids in order."""
        asked, question = query_of(questions.Paging), question_of("members", id)
        after, most = place_of(question, asked.page_token, ""), size(asked, _MOST_IDS)
        _known(ports, id)
        found = ports.knowledge.members(principal().shop, id, after=after, limit=most + 1)
        return page(found[:most], token_after(question, found[most - 1]) if len(found) > most else "")


def _what(routes: APIBlueprint, ports: GatewayPorts) -> None:
    @routes.get("/v1/communities/<id:id>/products")
    @requires("graph:read")
    @or_a_copy(ports.copies)
    @describes({200: listed(shown.TypicalProducts)}, query=questions.Paging, errors=(404,))
    def community_products(id: str) -> Any:
        """List the products that are most typical of a community, 30 at most, the most telling first."""
        asked = query_of(questions.Paging)
        products = graphs.community(_known(ports, id))["products"]
        return page(*sliced(products, question_of("typical", id), asked.page_token, size(asked, _MOST)))


def _known(ports: GatewayPorts, id: str) -> Community:
    found = ports.knowledge.community(principal().shop, id)
    if found is None:
        raise NotFoundError("there is no such community (any more): they are found anew as people's baskets change")
    return found
