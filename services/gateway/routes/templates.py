"""Shops' own email templates: drafts, previews with a real user, publishing; built-in ones are listed too."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from apiflask import APIBlueprint
from flask import Response

from services.gateway import questions
from services.gateway.answers import making
from services.gateway.answers import templates as shown
from services.gateway.asking import request_id
from services.gateway.auditing import audited
from services.gateway.once import HEADER, idempotency_key, once, scoped
from services.gateway.paging import page, size
from services.gateway.ports import GatewayPorts
from services.gateway.routes.users import listed
from services.gateway.templates import Shelf
from shared.contracts.requests import EmailRequested, Replied, ReplyStatus, TemplateCheckRequested
from shared.contracts.templates import LONGEST, Draft, Template, version_id
from shared.errors import NotFoundError, UnavailableError, Violation
from shared.web.app import correlation_id
from shared.web.contract import Answer, body_of, describes, query_of
from shared.web.guard import principal, requires
from shared.web.problems import problem

_MOST = 100
_INTERNAL = {"request_id"}
_NAMED = {"name": "spring", "version": "1"}


def blueprint(ports: GatewayPorts) -> APIBlueprint:
    """Return the routes of email templates."""
    routes = APIBlueprint("templates", __name__, tag="Templates")
    shelf = Shelf(ports.history, ports.clock)
    _reading(routes, shelf)
    _drafting(routes, shelf, ports)
    _publishing(routes, shelf, ports)
    return routes


def _reading(routes: APIBlueprint, shelf: Shelf) -> None:
    @routes.get("/v1/templates")
    @requires("templates:read")
    @describes({200: listed(shown.Heads)}, query=questions.Paging)
    def templates() -> Any:
        """List the templates: the built-in ones, then the shop's own, last changed first."""
        asked = query_of(questions.Paging)
        return page(*shelf.heads(principal().shop, asked.page_token, size(asked, _MOST)))

    @routes.get("/v1/templates/<id:name>")
    @requires("templates:read")
    @describes({200: listed(shown.Versions)}, query=questions.Paging, errors=(404,), examples={"name": "discover"})
    def template(name: str) -> Any:
        """Show a template and its versions, newest first."""
        asked, shop = query_of(questions.Paging), principal().shop
        head = shelf.head(shop, name)
        return page(*shelf.versions(shop, name, asked.page_token, size(asked, _MOST)), **head)

    @routes.get("/v1/templates/<id:name>/versions/<int:version>")
    @requires("templates:read")
    @describes({200: shown.Version}, errors=(404,), examples=_NAMED)
    def template_version(name: str, version: int) -> Any:
        """Show a version with its content."""
        return _shown(shelf.version(principal().shop, name, version))


def _drafting(routes: APIBlueprint, shelf: Shelf, ports: GatewayPorts) -> None:
    @routes.post("/v1/templates/<id:name>")
    @requires("templates:write")
    @once(ports.counters, ports.history)
    @describes(
        {201: Answer(shown.Version, headers=("Location",))},
        body=questions.NewTemplate, errors=(409,), headers=(HEADER,), examples=_NAMED,
    )  # fmt: skip
    def draft_template(name: str) -> Any:
        """Make a new draft version of a template. It must render: it is tried with two sample users first."""
        shop = principal().shop
        shelf.refuse_built_in(name)
        draft = Draft(**body_of(questions.NewTemplate, longest=LONGEST).model_dump())
        id = request_id(scoped(f"templates/{name}"), "", idempotency_key())
        if refused := _check(ports, name, draft, id):
            return refused
        made = shelf.add(shop, name, draft, id)
        audited(ports, "template.drafted", made.id)
        return _shown(made), HTTPStatus.CREATED, {"Location": f"/v1/templates/{name}/versions/{made.version}"}

    @routes.post("/v1/templates/<id:name>/versions/<int:version>/preview")
    @requires("templates:write")
    @describes(
        {200: Answer(making.Preview | making.Skipped, description="the email; or skipped, with the reason")},
        body=questions.Previewed, errors=(404,), examples=_NAMED,
    )  # fmt: skip
    def preview_template(name: str, version: int) -> Any:
        """Render a version with the data of a user; nothing is kept as an email, published or counted."""
        shelf.known(principal().shop, name, version)
        reply = _patiently(ports, _preview(version_id(name, version), body_of(questions.Previewed).user_id))
        skipped = {"status": "skipped"} if reply.status is ReplyStatus.SKIPPED else {}
        return _refused(reply) or {**skipped, **(reply.result or {})}


def _publishing(routes: APIBlueprint, shelf: Shelf, ports: GatewayPorts) -> None:
    @routes.post("/v1/templates/<id:name>/versions/<int:version>/publish")
    @requires("templates:write")
    @describes({200: shown.Version}, errors=(404, 409, 422), examples=_NAMED)
    def publish_template(name: str, version: int) -> Any:
        """Let emails be made with a version, once the email service has found it sound."""
        shop = principal().shop
        shelf.refuse_built_in(name)
        draft = Draft(**shelf.version(shop, name, version).model_dump(include=set(Draft.model_fields)))
        if refused := _check(ports, name, draft, request_id("", "", None)):
            return refused
        published = shelf.publish(shop, name, version)
        audited(ports, "template.published", published.id)
        return _shown(published)


def _shown(template: Template) -> dict[str, Any]:
    return template.model_dump(mode="json", exclude=_INTERNAL)


def _preview(reference: str, user_id: str) -> EmailRequested:
    return EmailRequested(request_id=request_id("", "", None), user_id=user_id, template=reference, preview=True)


def _check(ports: GatewayPorts, name: str, draft: Draft, id: str) -> Response | None:
    """Have the email service try a draft; return the problem that it found."""
    return _refused(_patiently(ports, TemplateCheckRequested(request_id=f"check-{id}", template=name, draft=draft)))


def _patiently(ports: GatewayPorts, asked: EmailRequested | TemplateCheckRequested) -> Replied:
    reply = ports.asker.ask(principal().shop, asked, correlation_id())
    if reply is None:
        raise UnavailableError("the email service does not answer in time")
    return reply


def _refused(reply: Replied) -> Response | None:
    if reply.status is not ReplyStatus.FAILED:
        return None
    told = reply.problem or {}
    if told.get("code") == NotFoundError.code:
        raise NotFoundError(str(told["detail"]))
    found = [Violation(str(each["pointer"]), str(each["detail"])) for each in told.get("violations", ())]
    detail = str(told.get("detail", ""))
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, code="template-invalid", violations=found)
