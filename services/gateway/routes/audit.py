"""The audit trail over HTTP: a shop's admin reads the shop's own; nobody changes it."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint

from services.gateway import model, questions
from services.gateway.answers import operations as shown
from services.gateway.paging import page, paged
from services.gateway.ports import GatewayPorts
from services.gateway.routes.users import listed
from shared import audit
from shared.web.contract import describes
from shared.web.guard import principal, requires

_MOST = 200


def blueprint(ports: GatewayPorts) -> APIBlueprint:
    """Return the route of the audit trail."""
    routes = APIBlueprint("audit", __name__, tag="Audit")

    @routes.get("/v1/audit")
    @requires("admin")
    @describes({200: listed(shown.Trail)}, query=questions.Paging)
    def audit_trail() -> Any:
        """List who did what to keys, templates, rules, campaigns, erasures, dead letters, the graph, latest first."""
        found = audit.trail(ports.history, principal().shop, **paged(_MOST))
        return page([model.deed(each) for each in found.items], found.next_token)

    return routes
