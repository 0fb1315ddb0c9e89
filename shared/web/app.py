"""The Flask app that both HTTP services are served by: strict JSON, problems, limits, ids, health, documentation."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from apiflask import APIBlueprint, APIFlask
from apiflask.exceptions import HTTPError
from flask import Response, g, request
from flask.json.provider import DefaultJSONProvider
from werkzeug.exceptions import HTTPException, UnsupportedMediaType
from werkzeug.middleware.proxy_fix import ProxyFix

from shared import tracing
from shared.engines import Engines
from shared.errors import InvalidInputError, TastegraphError, Violation
from shared.logs import logger
from shared.metrics import HTTP_REQUESTS
from shared.web import strictjson
from shared.web.caching import cached
from shared.web.credentials import authenticator
from shared.web.documentation import documentation
from shared.web.guard import PUBLIC, guard, public, scopes_of
from shared.web.health import Readiness, Standings, health
from shared.web.limiting import limits
from shared.web.openapi import complete
from shared.web.origins import allow_origins
from shared.web.packing import pack
from shared.web.paths import keep_slashes
from shared.web.problems import problem, problem_of
from shared.web.refusal import REQUEST_ID
from shared.web.timing import bound_in_time

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECURITY = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob: https:; frame-src 'self' blob:; "
    "style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}

log = logger("web")


class StrictJson(DefaultJSONProvider):
    """Reads bodies strictly, writes them in the order given."""

    sort_keys = False
    ensure_ascii = False

    def loads(self, s: str | bytes, **_: Any) -> Any:
        """Return what a body says; see `strictjson.loads`."""
        return strictjson.loads(s)


def create_app(
    title: str,
    engines: Engines,
    blueprints: Sequence[APIBlueprint],
    readiness: Mapping[str, Readiness],
    breakers: Standings = dict,
) -> APIFlask:
    """Return an app with these blueprints and all that every HTTP service needs around them."""
    app = APIFlask(__name__, title=title, version="1", spec_path="/openapi.json", docs_path=None, static_folder=None)  # type: ignore[arg-type]
    app.json = StrictJson(app)
    app.config["OPENAPI_VERSION"] = "3.1.0"
    app.config["MAX_CONTENT_LENGTH"] = engines.settings.max_bulk_body_bytes
    _see_behind_proxies(app, engines.settings.trusted_proxies)
    keep_slashes(app)
    _trace(app)
    bound_in_time(app, engines.settings.request_seconds)
    _around_requests(app, engines.settings.max_body_bytes)
    allow_origins(app, engines.settings)
    pack(app)
    cached(app)
    guard(app, authenticator(engines))
    limits(app, engines.limiter, engines.history, engines.settings)
    _errors(app)
    for blueprint in (health(readiness, breakers), documentation(title), *blueprints):
        app.register_blueprint(blueprint)
    public(app.view_functions["openapi.spec"])  # APIFlask makes this view itself
    app.spec_processor(lambda spec: complete(app, spec))  # type: ignore[arg-type]
    return app


def correlation_id() -> str:
    """Return the id that joins everything this request leads to."""
    return str(g.correlation_id)


def _see_behind_proxies(app: APIFlask, proxies: int) -> None:
    """Take a client's address from what so many proxies of ours said; what stands before that anybody may write."""
    if proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=0)  # type: ignore[method-assign]


def _trace(app: APIFlask) -> None:
    """Continue the trace that a request belongs to, or begin one."""
    inner = app.wsgi_app

    def answer(environ: dict[str, Any], start: Any) -> Any:
        with tracing.span("HTTP", "server", parent=environ.get("HTTP_TRACEPARENT", "")):
            return inner(environ, start)

    app.wsgi_app = answer  # type: ignore[method-assign,assignment]


def _around_requests(app: APIFlask, usual_body: int) -> None:
    @app.before_request
    def begin() -> Response | None:
        given = request.headers.get("X-Request-Id", "")
        g.correlation_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        g.started = time.monotonic()
        if request.blueprint != "ingest":  # the intakes take many items at once, and have the larger bound
            request.max_content_length = usual_body
            _expect_json(app)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(correlation_id=g.correlation_id)
        return _refuse_encoded()

    @app.teardown_request
    def forget(_: BaseException | None) -> None:
        structlog.contextvars.clear_contextvars()

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["X-Request-Id"] = g.get("correlation_id", "")
        for name, value in _SECURITY.items():
            response.headers.setdefault(name, value)
        if tracing.on():
            response.headers["traceresponse"] = tracing.traceparent()
        _account(response)
        return response


def _expect_json(app: APIFlask) -> None:
    """Refuse a body that is not JSON, but for the open routes: one-click unsubscribe is a form (RFC 8058)."""
    if request.content_length and not request.is_json and scopes_of(app, request.endpoint or "") != PUBLIC:
        raise UnsupportedMediaType("send application/json")


def _refuse_encoded() -> Response | None:
    """Take bodies as they are only: what unpacks itself could grow past every bound (SECURITY 24)."""
    if request.headers.get("Content-Encoding", "identity").lower() == "identity":
        return None
    accepted = {"Accept-Encoding": "identity"}
    return problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send the body without a content encoding", headers=accepted)


def _account(response: Response) -> None:
    route = request.url_rule.rule if request.url_rule else "unknown"
    seconds = time.monotonic() - g.get("started", time.monotonic())
    method = request.method if request.method in _METHODS else "other"  # anybody may invent a method, and so a label
    HTTP_REQUESTS.labels(route, method, response.status_code).observe(seconds)
    _tell_of(route, method, response.status_code)
    log.info("request", method=method, route=route, status=response.status_code, seconds=round(seconds, 4))


def _tell_of(route: str, method: str, status: int) -> None:
    told: tracing.Attributes = {
        "http.request.method": method,
        "http.route": route,
        "http.response.status_code": status,
        "tastegraph.correlation_id": str(g.get("correlation_id", "")),
    }
    tracing.describe(f"{method} {route}", told, failed=status >= HTTPStatus.INTERNAL_SERVER_ERROR)


def _errors(app: APIFlask) -> None:
    @app.error_processor
    def from_apiflask(error: HTTPError) -> Response:
        return problem(error.status_code, error.message or "", violations=_details(error.detail))

    @app.errorhandler(HTTPException)
    def from_werkzeug(error: HTTPException) -> Response:
        status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
        headers = {name: value for name, value in error.get_headers() if name.lower() in {"allow", "retry-after"}}
        return problem(status, error.description or "", headers=headers)

    @app.errorhandler(InvalidInputError)
    def unreadable(error: InvalidInputError) -> Response:
        malformed = not error.violations and request.method in {"POST", "PUT", "PATCH"}
        return problem(HTTPStatus.BAD_REQUEST, str(error), code="malformed") if malformed else problem_of(error)

    @app.errorhandler(TastegraphError)
    def ours(error: TastegraphError) -> Response:
        return problem_of(error)

    @app.errorhandler(Exception)
    def unforeseen(error: Exception) -> Response:
        log.exception("a request failed", error=type(error).__name__)  # noqa: LOG004 (Flask calls this while handling it)
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong here; the trace id leads to it")


def _details(detail: Any) -> list[Violation]:
    """Flatten APIFlask's {location: {field: [messages]}} into pointers."""
    found: list[Violation] = []

    def walk(at: Any, pointer: str) -> None:
        if isinstance(at, Mapping):
            for name, below in at.items():
                walk(below, f"{pointer}/{name}")
        elif isinstance(at, list):
            found.extend(Violation(pointer, _words(each)) for each in at)
        else:
            found.append(Violation(pointer, str(at)))

    walk(detail or {}, "")
    return found


def _words(message: Any) -> str:
    return str(message.get("msg", message)) if isinstance(message, Mapping) else str(message)
