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


def named(settings: Settings) -> list[str]:
    """Return the websites that may call us."""
    return [each for each in settings.cors_origins.replace(" ", "").split(",") if each]


def readable(origin: str) -> str:
    """Return the header lines that let a website's scripts read an answer that is made without the app."""
    return f"Access-Control-Allow-Origin: {origin}\r\nAccess-Control-Expose-Headers: {', '.join(_SHOWN)}\r\n"


def allow_origins(app: Flask, settings: Settings) -> None:
    """Let browsers call from the origins that the settings name; credentials travel in a header, never as a cookie."""
    origins = named(settings)
    if origins:
        app.after_request(_by_origin)
        CORS(app, origins=origins, allow_headers=_SENT, expose_headers=_SHOWN, max_age=600, send_wildcard=False)


def _by_origin(response: Response) -> Response:
    response.vary.add("Origin")
    return response
