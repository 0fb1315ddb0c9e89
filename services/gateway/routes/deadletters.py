"""The dead-letter desk over HTTP: a shop sees and replays its own."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import request

from services.gateway import model
from services.gateway.ports import GatewayPorts
from shared.bus import deadletters as desk
from shared.web import strictjson
from shared.web.guard import principal, requires


def blueprint(ports: GatewayPorts) -> APIBlueprint:
    """Return the routes of dead letters."""
    routes = APIBlueprint("deadletters", __name__, tag="Operations")

    @routes.get("/v1/deadletters")
    @requires("deadletters:read")
    def listed() -> dict[str, Any]:
        """List what could not be processed, the last parked first; `topic` picks one topic."""
        limit = model.whole(request.args, "limit", 100, 500)
        found = desk.list_dead_letters(ports.bus, request.args.get("topic"), principal().shop, limit)
        return {"items": [each.as_json() for each in found]}

    @routes.get("/v1/deadletters/<id>")
    @requires("deadletters:read")
    def shown(id: str) -> dict[str, Any]:
        """Show one with its content, as far as it is text."""
        one = desk.show(ports.bus, id, principal().shop)
        return {**one.as_json(), "value": (one.original.value or b"").decode(errors="replace")}

    @routes.post("/v1/deadletters/<id>/replay")
    @requires("deadletters:replay")
    def replayed(id: str) -> dict[str, Any]:
        """Publish it again, byte for byte; or, with a body, that corrected event in its place."""
        corrected = request.get_data() or None
        if corrected is not None:
            strictjson.loads(corrected)
        (done,) = desk.replay(ports.bus, [id], principal().shop, corrected)
        at = done.position
        return {"id": done.id, "event": {"topic": at.topic, "partition": at.partition, "offset": at.offset}}

    return routes
