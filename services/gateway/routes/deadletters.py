"""The desks over HTTP: dead letters and conflicts; a shop sees, and replays, its own."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import request

from services.gateway import model, questions
from services.gateway.answers import operations as shown
from services.gateway.auditing import audited
from services.gateway.paging import page, paged, place_of, size, token_after
from services.gateway.ports import GatewayPorts
from services.gateway.routes.users import listed
from shared.bus import deadletters as desk
from shared.web import strictjson
from shared.web.contract import describes, query_of
from shared.web.guard import principal, requires

_MOST = 200
_EVENT = dict[str, Any]


def blueprint(ports: GatewayPorts) -> APIBlueprint:
    """Return the routes of dead letters and conflicts."""
    routes = APIBlueprint("deadletters", __name__, tag="Operations")
    _list(routes, ports)
    _one(routes, ports)
    _conflicts(routes, ports)
    return routes


def _list(routes: APIBlueprint, ports: GatewayPorts) -> None:
    @routes.get("/v1/deadletters")
    @requires("deadletters:read")
    @describes({200: listed(shown.DeadLetters)}, query=questions.DeadLetterPaging, errors=(404,))
    def deadletters() -> Any:
        """List what could not be processed, the last parked first."""
        asked = query_of(questions.DeadLetterPaging)
        question, most = f"deadletters/{asked.topic}", size(asked, _MOST)
        seen = min(max(place_of(question, asked.page_token, 0), 0), 10_000)
        found = desk.list_dead_letters(ports.bus, asked.topic, principal().shop, seen + most + 1)
        items = [each.as_json() for each in found[seen : seen + most]]
        return page(items, token_after(question, seen + most) if len(found) > seen + most else "")


def _one(routes: APIBlueprint, ports: GatewayPorts) -> None:
    @routes.get("/v1/deadletters/<id:id>")
    @requires("deadletters:read")
    @describes({200: shown.OpenedDeadLetter}, errors=(404,))
    def deadletter(id: str) -> Any:
        """Show one with its content, as far as it is text."""
        one = desk.show(ports.bus, id, principal().shop)
        return {**one.as_json(), "value": (one.original.value or b"").decode(errors="replace")}

    @routes.post("/v1/deadletters/<id:id>/replay")
    @requires("deadletters:replay")
    @describes({200: shown.Replayed}, body=_EVENT, body_required=False, errors=(404,))
    def replay_deadletter(id: str) -> Any:
        """Publish it again, byte for byte; or, with a body, that corrected event in its place."""
        corrected = request.get_data() or None
        if corrected is not None:
            strictjson.loads(corrected)
        (done,) = desk.replay(ports.bus, [id], principal().shop, corrected)
        audited(ports, "deadletter.replayed", done.id, "" if corrected is None else "corrected")
        return {"id": done.id, "event": model.place(done.position)}


def _conflicts(routes: APIBlueprint, ports: GatewayPorts) -> None:
    @routes.get("/v1/conflicts")
    @requires("deadletters:read")
    @describes({200: listed(shown.Conflicts)}, query=questions.Paging)
    def conflicts() -> Any:
        """List other contents under known ids, each with the one that stands."""
        found = ports.history.conflicts(principal().shop, **paged(_MOST))
        return page([model.conflict(each) for each in found.items], found.next_token)
