"""Products, neighbourhoods and trends: what the graph and the history know beyond one user."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from apiflask import APIBlueprint

from services.gateway import graphs, model, questions
from services.gateway.answers import graph as shown
from services.gateway.answers.users import Neighbours
from services.gateway.degrade import or_a_copy
from services.gateway.paging import page, place_of, question_of, token_after
from services.gateway.ports import GatewayPorts
from services.gateway.routes.users import listed
from services.gateway.trends import compared, paged
from shared.errors import NotFoundError
from shared.knowledge.insight import Product
from shared.web.contract import describes, query_of
from shared.web.guard import principal, requires

_TEA = {"product_id": "tea"}


def blueprint(ports: GatewayPorts) -> APIBlueprint:
    """Return the routes about products, the graph and trends."""
    routes = APIBlueprint("graph", __name__, tag="Graph")
    _products(routes, ports)
    _neighbourhood(routes, ports)
    _path(routes, ports)
    _trends(routes, ports)
    return routes


def _products(routes: APIBlueprint, ports: GatewayPorts) -> None:
    @routes.get("/v1/products/<id:product_id>")
    @requires("graph:read")
    @or_a_copy(ports.copies)
    @describes({200: shown.Product}, errors=(404,), examples=_TEA)
    def product(product_id: str) -> Any:
        """Show a product and how its price moved."""
        shop = principal().shop
        found = model.product(_known(ports, shop, product_id))
        prices = [{**asdict(each), "at": model.iso(each.at)} for each in ports.history.prices(shop, product_id)]
        return {**found, "prices": prices}

    @routes.get("/v1/products/<id:product_id>/similar")
    @requires("graph:read")
    @or_a_copy(ports.copies)
    @describes({200: listed(Neighbours)}, query=questions.Likeness, errors=(404,), examples=_TEA)
    def similar_products(product_id: str) -> Any:
        """List products bought by the same people, and what they share."""
        shop, asked = principal().shop, query_of(questions.Likeness)
        _known(ports, shop, product_id)
        found = ports.knowledge.similar_products(shop, product_id, graphs.MOST_ALIKE)
        return graphs.alike(found, asked, question_of("product", product_id))


def _known(ports: GatewayPorts, shop: str, product_id: str) -> Product:
    found = ports.knowledge.product(shop, product_id)
    if found is None:
        raise NotFoundError("there is no such product")
    return found


def _neighbourhood(routes: APIBlueprint, ports: GatewayPorts) -> None:
    @routes.get("/v1/graph/neighbourhood")
    @requires("graph:read")
    @or_a_copy(ports.copies)
    @describes({200: shown.Neighbourhood}, query=questions.Around, errors=(404,))
    def neighbourhood() -> Any:
        """Show the graph around a node."""
        asked = query_of(questions.Around)
        found = ports.knowledge.neighbourhood(
            principal().shop, asked.kind, asked.id, depth=asked.depth, kinds=list(asked.kinds), limit=asked.limit
        )
        if found is None:
            raise NotFoundError("there is no such node")
        return graphs.neighbourhood(found)


def _path(routes: APIBlueprint, ports: GatewayPorts) -> None:
    @routes.get("/v1/graph/path")
    @requires("graph:read")
    @describes({200: shown.Ways}, query=questions.Between, errors=(404,))
    def path() -> Any:
        """Show how two nodes are connected: the shortest ways between them, each step in words."""
        asked = query_of(questions.Between)
        ends = (asked.kind, asked.id), (asked.to_kind, asked.to_id)
        found = ports.knowledge.ways(principal().shop, *ends, kinds=list(asked.kinds), longest=asked.longest)
        if found is None:
            raise NotFoundError("there is no such node at one of the ends")
        return graphs.ways(found)


def _trends(routes: APIBlueprint, ports: GatewayPorts) -> None:
    @routes.get("/v1/trends")
    @requires("trends:read")
    @or_a_copy(ports.copies)
    @describes({200: listed(shown.Trends)}, query=questions.Counted, errors=(404,))
    def trends() -> Any:
        """Count by product, category, interest or in total, per day, week or month; of a shop or one user."""
        asked = query_of(questions.Counted)
        query = asked.of(principal().shop)
        question = question_of("trends", asked.model_dump(exclude={"compare", "limit", "page_token"}))
        if query.user_id is not None:
            ports.profile(query.shop, query.user_id)
        rows, earlier = paged(ports.history, query, place_of(question, asked.page_token, 0))
        items = compared(ports.history, query, rows) if asked.compare else rows
        return page(items, token_after(question, earlier) if earlier else "", by=query.by, period=query.period)
