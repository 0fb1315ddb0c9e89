"""Why and how far: what a decision rested on, and what became of a request."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Any

from apiflask import APIBlueprint
from flask import Response, request

from services.gateway import model
from services.gateway.answers import making as shown
from services.gateway.following import Streams, ended, event_id, follow
from services.gateway.ports import GatewayPorts
from shared.clock import to_ms
from shared.errors import NotFoundError
from shared.web.admission import aside
from shared.web.contract import Answer, describes
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

    _jobs(routes, ports)
    return routes


def _jobs(routes: APIBlueprint, ports: GatewayPorts) -> None:
    streams = Streams(ports.settings.web_threads)
    events = Answer(None, ("text/event-stream",), "`event: job`, with the job as JSON in `data`", kept=False)

    @routes.get("/v1/jobs/<id:id>")
    @requires(*_SCOPES)
    @describes({200: Answer(shown.Job, kept=False)}, errors=(404,))
    def job(id: str) -> Any:
        """Show what became of a request; it takes the scope that reads what the job makes."""
        return _state(ports, principal().shop, id)

    @routes.get("/v1/jobs/<id:id>/events")
    @requires(*_SCOPES)
    @describes({200: events, 204: Answer(None, description="nothing follows upon Last-Event-ID")},
               errors=(404,), headers=("Last-Event-ID",))  # fmt: skip
    def job_events(id: str) -> Any:
        """Follow a job to its end as server-sent events; a stream that ends before the job does is asked for again."""
        shop, seen = principal().shop, request.headers.get("Last-Event-ID", "")
        state = _state(ports, shop, id)
        if ended(state) and event_id(state) == seen:
            return Response(status=HTTPStatus.NO_CONTENT)
        response = Response(mimetype="text/event-stream")
        if request.method == "GET":
            streams.enter()
            response.response = follow(lambda: _still(ports, shop, id), seen, _rest)
            response.call_on_close(streams.leave)
        return response


def _rest(seconds: float) -> None:
    """Wait, and let others be worked for meanwhile."""
    with aside():
        time.sleep(seconds)


def _still(ports: GatewayPorts, shop: str, id: str) -> dict[str, Any] | None:
    try:
        return _shown(ports, shop, id)
    except NotFoundError:
        return None  # whom it was about has been erased


def _state(ports: GatewayPorts, shop: str, id: str) -> dict[str, Any]:
    demand(model.scope_of_job(ports.document("jobs", shop, id).body["kind"]))
    return _shown(ports, shop, id)


def _shown(ports: GatewayPorts, shop: str, id: str) -> dict[str, Any]:
    document, now = ports.document("jobs", shop, id), to_ms(ports.clock.now())
    if document.body["kind"] == "erasures":
        return model.erasure(document, now, erased=ports.erased(shop, document))
    return model.job(document, now)
