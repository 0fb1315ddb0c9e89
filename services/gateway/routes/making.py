"""Emails and boards: asked for over the bus, answered in time or by a job, shown as they were kept."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, TypeVar

from apiflask import APIBlueprint
from flask import Response
from pydantic import BaseModel, ValidationError

from services.gateway import model, questions
from services.gateway.answers import making as shown
from services.gateway.asking import JOBS, request_id
from services.gateway.once import HEADER, idempotency_key, once, scoped
from services.gateway.ports import GatewayPorts
from services.gateway.preferences import APPLIED, preferred
from services.gateway.preferences import HEADER as PREFER
from services.gateway.quotas import Receipt
from shared.clock import to_ms
from shared.contracts.codec import violations_of
from shared.contracts.requests import BoardRequested, EmailRequested, Replied, ReplyStatus
from shared.errors import InvalidInputError, NotFoundError, TastegraphError, UnavailableError, Violation
from shared.history.port import Document
from shared.web.app import correlation_id
from shared.web.contract import Answer, body_of, describes, query_of
from shared.web.guard import principal, requires
from shared.web.problems import problem

R = TypeVar("R", EmailRequested, BoardRequested)

# What a template says runs nowhere near our own origin: no scripts, no forms, no frames.
_SANDBOX = "sandbox; default-src 'none'; img-src https: data:; style-src 'unsafe-inline'"
_DRAWING_MS = 120_000  # the large picture follows the board itself
_PENDING = Answer(shown.Pending, description="still being made", headers=("Location", "Retry-After", APPLIED))
_LOCATED = ("Location",)
_ASKED: Mapping[str, Any] = {"errors": (409,), "headers": (HEADER, PREFER)}


def blueprint(ports: GatewayPorts) -> APIBlueprint:
    """Return the routes of emails and boards."""
    routes = APIBlueprint("making", __name__, tag="Emails and boards")
    _emails(routes, ports)
    _bodies(routes, ports)
    _boards(routes, ports)
    _pictures(routes, ports)
    return routes


def _emails(routes: APIBlueprint, ports: GatewayPorts) -> None:
    quiet = Answer(shown.Skipped | shown.Preview, description="skipped, with the reason; or a preview")
    made = Answer(shown.Email, headers=_LOCATED)

    @routes.post("/v1/emails")
    @requires("emails:write")
    @once(ports.counters, ports.history)
    @describes({201: made, 200: quiet, 202: _PENDING}, body=questions.NewEmail, **_ASKED)
    def make_email() -> Any:
        """Make an email for a user."""
        return _ask(ports, "emails", _read("emails", questions.NewEmail, EmailRequested))

    @routes.get("/v1/emails/<id:id>")
    @requires("emails:read")
    @describes({200: shown.Email | shown.Skipped}, errors=(404,))
    def email(id: str) -> Any:
        """Show an email: its subject, its products and why each is in it; or why none was made."""
        return model.made(ports.document("emails", principal().shop, id), "emails")


def _bodies(routes: APIBlueprint, ports: GatewayPorts) -> None:
    def body(name: str, answer: Answer, said: str) -> Any:
        @requires("emails:read")
        @describes({200: answer}, errors=(404,))
        def view(id: str) -> Any:
            return _file(ports, ports.document("emails", principal().shop, id), name)

        view.__doc__ = said
        return view

    headers = Answer(dict[str, str])
    for path, name, answer, said in (
        ("html", "email.html", Answer(None, ("text/html",)), "Show an email as its reader sees it."),
        ("text", "email.txt", Answer(None, ("text/plain",)), "Show an email's plain text."),
        ("headers", "email.headers.json", headers, "Show the headers that an email must be sent with."),
    ):
        routes.get(f"/v1/emails/<id:id>/{path}", endpoint=f"email_{path}")(body(name, answer, said))


def _boards(routes: APIBlueprint, ports: GatewayPorts) -> None:
    made = Answer(shown.Board, headers=_LOCATED)

    @routes.post("/v1/boards")
    @requires("boards:write")
    @once(ports.counters, ports.history)
    @describes({201: made, 202: _PENDING}, body=questions.NewBoard, **_ASKED)
    def make_board() -> Any:
        """Make a vision board for a user."""
        return _ask(ports, "boards", _read("boards", questions.NewBoard, BoardRequested))

    @routes.get("/v1/boards/<id:id>")
    @requires("boards:read", own=True)
    @describes({200: shown.Board}, errors=(404,))
    def board(id: str) -> Any:
        """Show a board: its structure, and where its pictures are."""
        return model.made(ports.own_document("boards", principal(), id), "boards")


def _pictures(routes: APIBlueprint, ports: GatewayPorts) -> None:
    @routes.get("/v1/boards/<id:id>/json")
    @requires("boards:read", own=True)
    @describes({200: dict[str, Any]}, errors=(404,))
    def board_json(id: str) -> Any:
        """Show a board's structure alone, as its published schema says."""
        return _file(ports, ports.own_document("boards", principal(), id), "board.json")

    @routes.get("/v1/boards/<id:id>/picture")
    @requires("boards:read", own=True)
    @describes({200: Answer(None, ("image/png", "image/webp"))}, query=questions.Drawn, errors=(404,))
    def picture(id: str) -> Any:
        """Show a board's picture; twice as large with `scale=2`, which is drawn after the board is answered."""
        asked = query_of(questions.Drawn)
        document = ports.own_document("boards", principal(), id)
        name = f"board{'@2x' if asked.scale == 2 else ''}.{asked.format}"  # noqa: PLR2004 (the scale itself)
        try:
            return _file(ports, document, name)
        except NotFoundError:
            if asked.scale == 1 or to_ms(ports.clock.now()) - document.updated_at > _DRAWING_MS:
                raise
            raise UnavailableError(f"{name} is still being drawn") from None


def _read(route: str, asked: type[BaseModel], contract: type[R]) -> R:
    body = body_of(asked).model_dump(exclude_none=True)
    id = request_id(scoped(route), "", idempotency_key())
    try:
        request = contract.model_validate({**body, "request_id": id})
    except ValidationError as error:
        raise InvalidInputError("the request breaks its contract", violations_of(error)) from None
    if isinstance(request, EmailRequested) and request.campaign and not request.preview:
        return request.model_copy(update={"request_id": request.email_id})  # one job per user, campaign and period
    return request


def _ask(ports: GatewayPorts, route: str, asked: EmailRequested | BoardRequested) -> Any:
    prefers, id = preferred(ports.asker.longest), asked.request_id
    receipt = _charged(ports, route, asked)
    try:
        reply = ports.asker.ask(principal().shop, asked, correlation_id(), prefers.wait)
    except TastegraphError:
        ports.quotas.give_back(receipt)
        raise
    if reply is not None and reply.status is not ReplyStatus.DONE:
        ports.quotas.give_back(receipt)
    if reply is None:
        pending = {"job_id": id, "status": "pending"}
        return pending, HTTPStatus.ACCEPTED, {"Location": f"/v1/jobs/{id}", "Retry-After": "2", **prefers.headers}
    if reply.status is ReplyStatus.FAILED:
        return _failed(reply)
    if reply.status is ReplyStatus.SKIPPED:
        return {"status": "skipped", **(reply.result or {})}, HTTPStatus.OK
    if isinstance(asked, EmailRequested) and asked.preview:
        return reply.result or {}, HTTPStatus.OK
    made = model.made(ports.document(route, principal().shop, id), route)
    return made, HTTPStatus.CREATED, {"Location": f"/v1/{route}/{id}"}


def _charged(ports: GatewayPorts, route: str, asked: EmailRequested | BoardRequested) -> Receipt:
    """Count what is to be made against its quota; a preview, and what was asked for before, costs nothing more."""
    shop = principal().shop
    if getattr(asked, "preview", False) or ports.history.get(JOBS, shop, asked.request_id) is not None:
        return Receipt((), {})
    return ports.quotas.charge(shop, "emails" if route == "emails" else "boards", principal())


def _failed(reply: Replied) -> Response:
    told = reply.problem or {}
    detail, code = str(told.get("detail", "")), str(told.get("code", "failed"))
    found = [Violation(_in_body(str(each["pointer"])), str(each["detail"])) for each in told.get("violations") or ()]
    if code == NotFoundError.code:  # what the path names is there: the body names a template that is not
        code, found = InvalidInputError.code, [Violation("/template", detail)]
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, code=code, violations=found)


def _in_body(pointer: str) -> str:
    """Return where in the body the fault is; the services point into the event that the body became."""
    return pointer.removeprefix("/data") or "/"


def _file(ports: GatewayPorts, document: Document, name: str) -> Response:
    kept = document.body.get("files") or document.body.get("pictures") or ()
    key = next((each["key"] for each in kept if each["file"] == name), None)
    found = ports.objects.get(key) if key else None
    if found is None:
        raise NotFoundError(f"there is no {name}")
    response = Response(found.data, mimetype=found.media_type)
    response.headers["Content-Security-Policy"] = _SANDBOX
    response.headers["Cache-Control"] = "private, max-age=3600"  # what was made never changes
    return response
