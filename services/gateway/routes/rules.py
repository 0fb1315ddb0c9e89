"""Business rules over HTTP: boost, pin or exclude products, categories and prices, in everything that is offered."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from apiflask import APIBlueprint

from services.gateway import model
from services.gateway.answers import rules as shown
from services.gateway.auditing import audited
from services.gateway.once import HEADER, once
from services.gateway.ports import GatewayPorts
from services.gateway.rules import NewRule, Rulebook
from shared.web.contract import Answer, body_of, describes
from shared.web.guard import principal, requires


def blueprint(ports: GatewayPorts) -> APIBlueprint:
    """Return the routes of business rules."""
    routes, book = APIBlueprint("rules", __name__, tag="Rules"), Rulebook(ports.history, ports.clock)
    _reading(routes, book)
    _writing(routes, book, ports)
    return routes


def _reading(routes: APIBlueprint, book: Rulebook) -> None:
    @routes.get("/v1/rules")
    @requires("rules:read")
    @describes({200: shown.Rules})
    def rules() -> Any:
        """List the shop's rules in the order made; all of them on one page."""
        return {"items": [model.rule(each) for each in book.rules(principal().shop)]}

    @routes.get("/v1/rules/<id:id>")
    @requires("rules:read")
    @describes({200: shown.Rule}, errors=(404,))
    def rule(id: str) -> Any:
        """Show a rule."""
        return model.rule(book.rule(principal().shop, id))


def _writing(routes: APIBlueprint, book: Rulebook, ports: GatewayPorts) -> None:
    @routes.post("/v1/rules")
    @requires("rules:write")
    @once(ports.counters, ports.history)
    @describes({201: Answer(shown.Rule, headers=("Location",))}, body=NewRule, errors=(409,), headers=(HEADER,))
    def make_rule() -> Any:
        """Make a rule: what is offered from now on, in answers, emails and boards, obeys it."""
        made = book.add(principal().shop, body_of(NewRule))
        audited(ports, "rule.made", made["rule_id"], made["action"])
        return model.rule(made), HTTPStatus.CREATED, {"Location": f"/v1/rules/{made['rule_id']}"}

    @routes.delete("/v1/rules/<id:id>")
    @requires("rules:write")
    @describes({204: None}, errors=(404, 409))
    def remove_rule(id: str) -> Any:
        """Remove a rule; decisions that rested on it keep it."""
        book.remove(principal().shop, id)
        audited(ports, "rule.removed", id)
        return None, HTTPStatus.NO_CONTENT
