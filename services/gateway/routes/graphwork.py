"""Work on the graph over HTTP: compare it with the ledger, mend it, make it anew, as jobs of the graph service."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from apiflask import APIBlueprint

from services.gateway.answers import making as shown
from services.gateway.asking import GRAPH, JOBS, request_id
from services.gateway.auditing import audited
from services.gateway.once import HEADER, idempotency_key, once, scoped
from services.gateway.ports import GatewayPorts
from shared.audit import Action
from shared.clock import to_ms
from shared.contracts.requests import GraphWork, GraphWorkRequested
from shared.errors import ConflictError
from shared.web.app import correlation_id
from shared.web.contract import Answer, describes
from shared.web.guard import principal, requires

_PENDING = Answer(shown.Pending, headers=("Location", "Retry-After"))
_ASKED: Mapping[str, Any] = {"errors": (409, 422), "headers": (HEADER,)}
_CHANGING: Mapping[GraphWork, Action] = {"rebuild": "graph.rebuilt", "repair": "graph.repaired"}


def blueprint(ports: GatewayPorts) -> APIBlueprint:
    """Return the routes that have the graph worked on."""
    routes = APIBlueprint("graphwork", __name__, tag="Graph upkeep")

    @routes.post("/v1/graph/verify")
    @requires("admin")
    @once(ports.counters, ports.history)
    @describes({202: _PENDING}, **_ASKED)
    def verify_graph() -> Any:
        """Compare the shop's graph with its ledger; the job's result says whether they are equal, and what differs."""
        return _begun(ports, "verify")

    @routes.post("/v1/graph/repair")
    @requires("admin")
    @once(ports.counters, ports.history)
    @describes({202: _PENDING}, **_ASKED)
    def repair_graph() -> Any:
        """Mend what differs from the shop's ledger; where that is not enough, the whole graph is made anew."""
        return _begun(ports, "repair")

    @routes.post("/v1/graph/rebuild")
    @requires("admin")
    @once(ports.counters, ports.history)
    @describes({202: _PENDING}, **_ASKED)
    def rebuild_graph() -> Any:
        """Make the graph anew from the ledger, of all shops; readers have the old one until the new one is proved."""
        return _begun(ports, "rebuild")

    return routes


def _begun(ports: GatewayPorts, work: GraphWork) -> Any:
    shop, id = principal().shop, request_id(scoped(f"graph/{work}"), "", idempotency_key())
    _one_at_a_time(ports, shop, id)
    job = ports.asker.send(shop, GraphWorkRequested(request_id=id, work=work), correlation_id())
    if work in _CHANGING:
        audited(ports, _CHANGING[work], job.id)
    told = {"Location": f"/v1/jobs/{job.id}", "Retry-After": "1"}
    return {"job_id": job.id, "status": "pending"}, HTTPStatus.ACCEPTED, told


def _one_at_a_time(ports: GatewayPorts, shop: str, id: str) -> None:
    """Refuse a second piece of work while a shop's first one waits: it would only do the same again.

    Raises:
        ConflictError: another one is pending.
    """
    now = to_ms(ports.clock.now())
    pending = ports.history.find(JOBS, shop, {"kind": GRAPH, "status": "pending"}).items
    if any(each.id != id and now <= int(each.body["expires_at"]) for each in pending):
        raise ConflictError("the shop's graph is being worked on; see /v1/jobs for how far it is")
