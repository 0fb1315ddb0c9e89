"""Why and how far: what a decision rested on, and what became of a request."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint

from services.gateway import model
from services.gateway.answers import making as shown
from services.gateway.ports import GatewayPorts
from shared.clock import to_ms
from shared.web.contract import describes
from shared.web.guard import demand, principal, requires

_SCOPES = ("emails:read", "boards:read", "templates:read", "profiles:erase")


def blueprint(ports: GatewayPorts) -> APIBlueprint:
    """Return the routes of decisions and jobs."""
    routes = APIBlueprint("traces", __name__, tag="Traces")

    @routes.get("/v1/decisions/<id:id>")
    @requires("profiles:read")
    @describes({200: shown.Decision}, errors=(404,))
    def decision(id: str) -> Any:
        """Show what a decision rested on."""
        return {"decision_id": id, **ports.document("decisions", principal().shop, id).body}

    @routes.get("/v1/jobs/<id:id>")
    @requires(*_SCOPES)
    @describes({200: shown.Job}, errors=(404,))
    def job(id: str) -> Any:
        """Show what became of a request; it takes the scope that reads what the job makes."""
        shop = principal().shop
        document = ports.document("jobs", shop, id)
        demand(model.scope_of_job(document.body["kind"]))
        now = to_ms(ports.clock.now())
        if document.body["kind"] == "erasures":
            return model.erasure(document, now, erased=ports.erased(shop, document))
        return model.job(document, now)

    return routes
