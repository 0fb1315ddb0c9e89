"""Which websites may call us from a browser (CORS): none, unless they are named."""

from __future__ import annotations

from flask import Flask, Response
from flask_cors import CORS

from shared.config import Settings

_SENT = ("Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "Prefer", "X-Request-Id", "traceparent")
_SHOWN = (
    "Age", "ETag", "Link", "Location", "Preference-Applied", "RateLimit", "RateLimit-Policy", "Retry-After",
    "X-Request-Id",
)  # fmt: skip


def allow_origins(app: Flask, settings: Settings) -> None:
    """Let browsers call from the origins that the settings name; credentials travel in a header, never as a cookie."""
    origins = [each for each in settings.cors_origins.replace(" ", "").split(",") if each]
    if origins:
        app.after_request(_by_origin)
        CORS(app, origins=origins, allow_headers=_SENT, expose_headers=_SHOWN, max_age=600, send_wildcard=False)


def _by_origin(response: Response) -> Response:
    response.vary.add("Origin")
    return response
