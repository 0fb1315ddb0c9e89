"""Products, neighbourhoods and trends: what the graph and the history know beyond one user."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from apiflask import APIBlueprint
from flask import request

from services.gateway import model
from services.gateway.ports import GatewayPorts
from shared.errors import NotFoundError
from shared.knowledge.insight import Product
from shared.web.guard import principal, requires

_NODES = ("user", "product", "interest")


def blueprint(ports: GatewayPorts) -> APIBlueprint:
    """Return the routes about products, the graph and trends."""
    routes = APIBlueprint("graph", __name__, tag="Graph")
    _products(routes, ports)
    _neighbourhood(routes, ports)
    _trends(routes, ports)
    return routes


def _products(routes: APIBlueprint, ports: GatewayPorts) -> None:
    @routes.get("/v1/products/<product_id>")
    @requires("graph:read")
    def product(product_id: str) -> dict[str, Any]:
        """Show a product and how its price moved."""
        shop = principal().shop
        found = model.product(_known(ports, shop, product_id))
        prices = [{**asdict(each), "at": model.iso(each.at)} for each in ports.history.prices(shop, product_id)]
        return {**found, "prices": prices}

    @routes.get("/v1/products/<product_id>/similar")
    @requires("graph:read")
    def similar(product_id: str) -> dict[str, Any]:
        """List products bought by the same people, and what they share."""
        shop, limit = principal().shop, model.whole(request.args, "limit", 20, 50)
        _known(ports, shop, product_id)
        return model.neighbours(ports.knowledge.similar_products(shop, product_id, limit))


def _known(ports: GatewayPorts, shop: str, product_id: str) -> Product:
    found = ports.knowledge.product(shop, product_id)
    if found is None:
        raise NotFoundError("there is no such product")
    return found


def _neighbourhood(routes: APIBlueprint, ports: GatewayPorts) -> None:
    @routes.get("/v1/graph/neighbourhood")
    @requires("graph:read")
    def neighbourhood() -> dict[str, Any]:
        """Show the graph around a node: `kind`, `id`, and optionally `depth`, `kinds` of edges and `limit`."""
        args = request.args
        found = ports.knowledge.neighbourhood(
            principal().shop,
            model.choice(args, "kind", "user", _NODES),
            args.get("id", ""),
            depth=model.whole(args, "depth", 2, 3),
            kinds=[word for word in args.get("kinds", "").split(",") if word],
            limit=model.whole(args, "limit", 60, 300),
        )
        if found is None:
            raise NotFoundError("there is no such node")
        return asdict(found)


def _trends(routes: APIBlueprint, ports: GatewayPorts) -> None:
    @routes.get("/v1/trends")
    @requires("trends:read")
    def trends() -> dict[str, Any]:
        """Count by product, category, interest or in total, per day, week or month; of a shop or one user."""
        query = model.trend_query(principal().shop, request.args)
        if query.user_id is not None:
            ports.profile(query.shop, query.user_id)
        rows = ports.history.trends(query)
        return {"by": query.by, "period": query.period, "items": [model.trend(row) for row in rows]}
