"""Is the process alive, can it do its work, what does it measure: open to all who reach it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from apiflask import APIBlueprint
from flask import Response, request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from shared.metrics import registry
from shared.web.guard import public

# Says what is missing, or nothing when all is well.
Readiness = Callable[[], str | None]


# How each dependency stands, in a word.
Standings = Callable[[], Mapping[str, str]]


def health(readiness: Mapping[str, Readiness], breakers: Standings = dict) -> APIBlueprint:
    """Return the routes that operators and orchestrators ask; what is degraded, and serves, is ready."""
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
            body["breakers"] = breakers()
        return body, HTTPStatus.SERVICE_UNAVAILABLE if missing else HTTPStatus.OK

    @blueprint.get("/metrics")
    @public
    def metrics() -> Response:
        return Response(generate_latest(registry()), content_type=CONTENT_TYPE_LATEST)

    return blueprint
