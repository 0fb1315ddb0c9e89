"""The console's own files; what they ask for, they ask with a key."""

from __future__ import annotations

from pathlib import Path

from apiflask import APIBlueprint
from flask import Response, send_from_directory

from shared.web.guard import public

_FOLDER = Path(__file__).parents[1] / "console"


def blueprint() -> APIBlueprint:
    """Return the routes that serve the console."""
    routes = APIBlueprint("console", __name__, enable_openapi=False)

    @routes.get("/")
    @public
    def index() -> Response:
        return send_from_directory(_FOLDER, "index.html")

    @routes.get("/console/<path:file>")
    @public
    def file(file: str) -> Response:
        return send_from_directory(_FOLDER, file)

    return routes
