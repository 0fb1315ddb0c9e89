"""The readable page of the API: Swagger UI out of a Python package, so that no outside host is asked for anything."""

from __future__ import annotations

from html import escape
from importlib.resources import files

from apiflask import APIBlueprint
from flask import Response, abort

from shared.web.guard import public

_ASSETS = {
    "swagger-ui.css": ("css/swagger-ui.css", "text/css"),
    "swagger-ui-bundle.js": ("js/swagger-ui-bundle.js", "text/javascript"),
}
_START = """\
SwaggerUIBundle({url: "/openapi.json", dom_id: "#docs", validatorUrl: null, deepLinking: true, tryItOutEnabled: true,
  persistAuthorization: false, defaultModelsExpandDepth: 0, docExpansion: "list"});
"""
_PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    '<title>{title}</title><link rel="stylesheet" href="/docs/swagger-ui.css"><div id="docs"></div>'
    '<noscript>In full: <a href="/openapi.json">openapi.json</a></noscript>'
    '<script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></html>'
)


def documentation(title: str) -> APIBlueprint:
    """Return the routes of the page and of what it is made of."""
    blueprint = APIBlueprint("documentation", __name__, enable_openapi=False)

    @blueprint.get("/docs")
    @public
    def docs() -> Response:
        return Response(_PAGE.format(title=escape(title)), mimetype="text/html")

    @blueprint.get("/docs/<name>")
    @public
    def asset(name: str) -> Response:
        if name == "start.js":
            return Response(_START, mimetype="text/javascript")
        if name not in _ASSETS:
            abort(404)
        path, media = _ASSETS[name]
        found = files("flask_openapi_swagger").joinpath("templates", "swagger", *path.split("/"))
        return Response(found.read_bytes(), mimetype=media, headers={"Cache-Control": "public, max-age=86400"})

    return blueprint
