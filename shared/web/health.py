"""Is the process alive, can it do its work, what does it measure, how is it used: open to all who reach it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from http import HTTPStatus
from typing import Any

from apiflask import APIBlueprint, APIFlask
from flask import Response, request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from shared.web.guard import public

# Says what is missing, or nothing when all is well.
Readiness = Callable[[], str | None]


def health(app: APIFlask, readiness: Mapping[str, Readiness]) -> APIBlueprint:
    """Return the routes that operators and orchestrators ask."""
    blueprint = APIBlueprint("health", __name__, enable_openapi=False)

    @blueprint.get("/livez")
    @public
    def livez() -> dict[str, str]:
        return {"status": "alive"}

    @blueprint.get("/readyz")
    @public
    def readyz() -> tuple[dict[str, Any], int]:
        missing = {name: said for name, check in readiness.items() if (said := check())}
        body: dict[str, Any] = {"status": "not ready" if missing else "ready"}
        if "verbose" in request.args or missing:
            body["checks"] = {name: missing.get(name, "ok") for name in readiness}
        return body, HTTPStatus.SERVICE_UNAVAILABLE if missing else HTTPStatus.OK

    @blueprint.get("/metrics")
    @public
    def metrics() -> Response:
        return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)

    @blueprint.get("/docs")
    @public
    def docs() -> Response:
        return Response(page(app.spec), mimetype="text/html")  # type: ignore[arg-type]

    return blueprint


def page(spec: Mapping[str, Any]) -> str:
    """Return the OpenAPI document as a page that reads well without any outside host."""
    rows = "".join(
        f"<tr><td><code>{method.upper()}</code></td><td><code>{escape(path)}</code></td>"
        f"<td>{escape(operation.get('summary', ''))}<p>{escape(operation.get('description', ''))}</p></td></tr>"
        for path, operations in spec["paths"].items()
        for method, operation in operations.items()
        if isinstance(operation, Mapping)
    )
    title = escape(spec["info"]["title"])
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>body{{font:16px/1.5 '
        "system-ui;max-width:60rem;margin:3rem auto;padding:0 1rem}td{padding:.5rem 1rem .5rem 0;vertical-align:top;"
        "border-top:1px solid #ddd}p{margin:.2rem 0;color:#555}</style>"
        f'<h1>{title}</h1><p>In full: <a href="/openapi.json">openapi.json</a></p><table>{rows}</table></html>'
    )
