"""Emails and boards: asked for over the bus, answered in time or by a job, shown as they were kept."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, TypeVar

from apiflask import APIBlueprint
from flask import Response, jsonify, request
from pydantic import ValidationError

from services.gateway import model
from services.gateway.asking import request_id
from services.gateway.ports import GatewayPorts
from shared.contracts.codec import violations_of
from shared.contracts.requests import BoardRequested, EmailRequested, Replied, ReplyStatus
from shared.errors import InvalidInputError, NotFoundError, Violation
from shared.history.port import Document
from shared.web import strictjson
from shared.web.app import correlation_id
from shared.web.guard import principal, requires
from shared.web.problems import problem

R = TypeVar("R", EmailRequested, BoardRequested)

_PICTURES = {"png": "board.png", "webp": "board.webp"}
# What a template says runs nowhere near our own origin: no scripts, no forms, no frames.
_SANDBOX = "sandbox; default-src 'none'; img-src https: data:; style-src 'unsafe-inline'"


def blueprint(ports: GatewayPorts) -> APIBlueprint:
    """Return the routes of emails, boards, their decisions and jobs."""
    routes = APIBlueprint("making", __name__, tag="Emails and boards")
    _emails(routes, ports)
    _boards(routes, ports)
    _traces(routes, ports)
    return routes


def _emails(routes: APIBlueprint, ports: GatewayPorts) -> None:
    @routes.post("/v1/emails")
    @requires("emails:write")
    def make_email() -> Response:
        """Make an email for a user: `user_id`, and optionally `template`, `at`, `preview`."""
        return _ask(ports, "emails", _read("emails", EmailRequested))

    @routes.get("/v1/emails/<id>")
    @requires("emails:read")
    def email(id: str) -> dict[str, Any]:
        """Show an email: its subject, its products and why each is in it."""
        return model.made(ports.document("emails", principal().shop, id), "emails")

    @routes.get("/v1/emails/<id>/html")
    @requires("emails:read")
    def email_html(id: str) -> Response:
        """Show an email as its reader sees it."""
        return _file(ports, ports.document("emails", principal().shop, id), "email.html")

    @routes.get("/v1/emails/<id>/text")
    @requires("emails:read")
    def email_text(id: str) -> Response:
        """Show an email's plain text."""
        return _file(ports, ports.document("emails", principal().shop, id), "email.txt")


def _boards(routes: APIBlueprint, ports: GatewayPorts) -> None:
    @routes.post("/v1/boards")
    @requires("boards:write")
    def make_board() -> Response:
        """Make a vision board for a user: `user_id`, and optionally `layout`, `at`."""
        return _ask(ports, "boards", _read("boards", BoardRequested))

    @routes.get("/v1/boards/<id>")
    @requires("boards:read")
    def board(id: str) -> dict[str, Any]:
        """Show a board's structure."""
        return model.made(ports.document("boards", principal().shop, id), "boards")

    @routes.get("/v1/boards/<id>/picture")
    @requires("boards:read")
    def picture(id: str) -> Response:
        """Show a board's picture; `format` is png or webp."""
        file = _PICTURES[model.choice(request.args, "format", "png", tuple(_PICTURES))]
        return _file(ports, ports.document("boards", principal().shop, id), file)


def _traces(routes: APIBlueprint, ports: GatewayPorts) -> None:
    @routes.get("/v1/decisions/<id>")
    @requires("profiles:read")
    def decision(id: str) -> dict[str, Any]:
        """Show what a decision rested on."""
        return {"decision_id": id, **ports.document("decisions", principal().shop, id).body}

    @routes.get("/v1/jobs/<id>")
    @requires("profiles:read")
    def job(id: str) -> dict[str, Any]:
        """Show what became of a request."""
        return model.job(ports.document("jobs", principal().shop, id))


def _read(route: str, contract: type[R]) -> R:
    body = strictjson.loads(request.get_data())
    if not isinstance(body, Mapping) or "request_id" in body:
        raise InvalidInputError("the body does not ask for one", [Violation("", "must be an object of its own fields")])
    id = request_id(principal().shop, route, request.headers.get("Idempotency-Key"))
    try:
        return contract.model_validate({**body, "request_id": id}, extra="forbid")
    except ValidationError as error:
        raise InvalidInputError("the request breaks its contract", violations_of(error)) from None


def _ask(ports: GatewayPorts, route: str, asked: EmailRequested | BoardRequested) -> Response:
    reply = ports.asker.ask(principal().shop, asked, correlation_id())
    id = asked.request_id
    if reply is None:
        pending = {"job_id": id, "status": "pending"}
        return _answer(pending, HTTPStatus.ACCEPTED, {"Location": f"/v1/jobs/{id}", "Retry-After": "2"})
    if reply.status is ReplyStatus.FAILED:
        return _failed(reply)
    if reply.status is ReplyStatus.SKIPPED:
        return _answer({"status": "skipped", **(reply.result or {})}, HTTPStatus.OK, {})
    if isinstance(asked, EmailRequested) and asked.preview:
        return _answer(reply.result or {}, HTTPStatus.OK, {})
    made = model.made(ports.document(route, principal().shop, id), route)
    return _answer(made, HTTPStatus.CREATED, {"Location": f"/v1/{route}/{id}"})


def _answer(body: Mapping[str, Any], status: int, headers: Mapping[str, str]) -> Response:
    response = jsonify(body)
    response.status_code = status
    response.headers.update(headers)
    return response


def _failed(reply: Replied) -> Response:
    told = reply.problem or {}
    found = [Violation(str(each["pointer"]), str(each["detail"])) for each in told.get("violations", ())]
    detail, code = str(told.get("detail", "")), str(told.get("code", "failed"))
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, code=code, violations=found)


def _file(ports: GatewayPorts, document: Document, name: str) -> Response:
    kept = document.body.get("files") or document.body.get("pictures") or ()
    key = next((each["key"] for each in kept if each["file"] == name), None)
    found = ports.objects.get(key) if key else None
    if found is None:
        raise NotFoundError(f"there is no {name}")
    response = Response(found.data, mimetype=found.media_type)
    response.headers["Content-Security-Policy"] = _SANDBOX
    response.headers["Cache-Control"] = "private, max-age=3600"
    return response
