"""Exports: the graph, trends, communities, recommendations as files, written in the background, kept for a day."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from apiflask import APIBlueprint
from flask import Response

from services.gateway import model, questions
from services.gateway.answers import exports as shown
from services.gateway.asking import request_id
from services.gateway.auditing import audited
from services.gateway.documents import begun
from services.gateway.exports import KEPT_MS, MEDIA, SCOPES, ExportDesk, NewExport
from services.gateway.once import HEADER, idempotency_key, once, scoped
from services.gateway.paging import page, paged
from services.gateway.ports import GatewayPorts
from services.gateway.routes.users import listed
from shared.erasures import EXPORTS
from shared.errors import NotFoundError
from shared.history.port import Document
from shared.web.contract import Answer, body_of, describes
from shared.web.guard import demand, principal, requires

_ANY = tuple(sorted(set(SCOPES.values())))


def blueprint(ports: GatewayPorts) -> APIBlueprint:
    """Return the routes of exports."""
    routes = APIBlueprint("exports", __name__, tag="Exports")
    desk = ExportDesk(ports.history, ports.objects, ports.clock)
    _beginning(routes, desk, ports)
    _reading(routes, desk)
    _file(routes, desk)
    return routes


def _beginning(routes: APIBlueprint, desk: ExportDesk, ports: GatewayPorts) -> None:
    @routes.post("/v1/exports")
    @requires(*_ANY)
    @once(ports.counters, ports.history)
    @describes({202: Answer(shown.Export, headers=("Location",))}, body=NewExport, errors=(409,), headers=(HEADER,))
    def begin_export() -> Any:
        """Take the graph, trends, communities or recommendations out as a file, which is written in the background."""
        asked, shop = body_of(NewExport), principal().shop
        demand(SCOPES[asked.what])
        id = request_id(scoped("exports"), "", idempotency_key())
        found = begun(lambda: desk.begin(shop, id, asked), lambda: desk.known(shop, id))
        audited(ports, "export.begun", id, asked.what)
        return _shown(found), HTTPStatus.ACCEPTED, {"Location": f"/v1/exports/{id}"}

    @routes.delete("/v1/exports/<id:id>")
    @requires(*_ANY)
    @describes({204: None}, errors=(404,))
    def remove_export(id: str) -> Any:
        """Remove an export and its file, finished or not."""
        desk.remove(_allowed(desk, id))
        return "", HTTPStatus.NO_CONTENT


def _reading(routes: APIBlueprint, desk: ExportDesk) -> None:
    @routes.get("/v1/exports")
    @requires(*_ANY)
    @describes({200: listed(shown.Exports)}, query=questions.Paging)
    def exports() -> Any:
        """List the shop's exports, last changed first."""
        who = principal()
        found = desk.documents.find(EXPORTS, who.shop, **paged(100))
        return page([_shown(each) for each in found.items if who.may(_scope(each))], found.next_token)

    @routes.get("/v1/exports/<id:id>")
    @requires(*_ANY)
    @describes({200: shown.Export}, errors=(404,))
    def show_export(id: str) -> Any:
        """Show an export and how far it has come."""
        return _shown(_allowed(desk, id))


def _file(routes: APIBlueprint, desk: ExportDesk) -> None:
    file = Answer(None, tuple(MEDIA.values()), "the file", ("Content-Disposition",), kept=False)

    @routes.get("/v1/exports/<id:id>/file")
    @requires(*_ANY)
    @describes({200: file}, errors=(404,))
    def export_file(id: str) -> Any:
        """Give an export's file, once it is done."""
        found = _allowed(desk, id)
        if found.body["status"] != "done":
            raise NotFoundError("the export is not done (yet): see its status")
        asked = NewExport.model_validate(found.body["asked"])
        response = Response(desk.file(found), mimetype=MEDIA[asked.format])
        response.headers["Content-Disposition"] = f'attachment; filename="{asked.what}.{asked.format}"'
        return response


def _allowed(desk: ExportDesk, id: str) -> Document:
    found = desk.known(principal().shop, id)
    demand(_scope(found))
    return found


def _scope(export: Document) -> str:
    return SCOPES[export.body["asked"]["what"]]


def _shown(export: Document) -> dict[str, Any]:
    body, asked = export.body, NewExport.model_validate(export.body["asked"])
    times = {name: model.iso(body[name]) for name in ("created_at", "finished_at")}
    told = {name: body[name] for name in ("status", "rows", "bytes", "problem")}
    file = f"/v1/exports/{export.id}/file" if body["status"] == "done" else None
    until = model.iso(body["created_at"] + KEPT_MS)
    return {
        "id": export.id,
        "what": asked.what,
        "format": asked.format,
        **told,
        **times,
        "kept_until": until,
        "file": file,
    }
