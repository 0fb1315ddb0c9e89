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

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_MAX_AGE = 600  # seconds that a browser need not ask again


def named(settings: Settings) -> list[str]:
    """Return the websites that may call us."""
    return [each for each in settings.cors_origins.replace(" ", "").split(",") if each]


def readable(origin: str) -> str:
    """Return the header lines that let a website's scripts read an answer that is made without the app."""
    return f"Access-Control-Allow-Origin: {origin}\r\nAccess-Control-Expose-Headers: {', '.join(_SHOWN)}\r\n"


def preflight(origin: str, *, keep: bool) -> bytes:
    """Return the answer to a browser that asks whether a website may send a request, made without the app.

    To refuse it would hide from the website what its request itself is told: when to come back.
    """
    head = (
        f"HTTP/1.1 204 No Content\r\nConnection: {'keep-alive' if keep else 'close'}\r\nVary: Origin\r\n"
        f"Access-Control-Allow-Origin: {origin}\r\nAccess-Control-Allow-Methods: {', '.join(_METHODS)}\r\n"
        f"Access-Control-Allow-Headers: {', '.join(_SENT)}\r\nAccess-Control-Max-Age: {_MAX_AGE}\r\n\r\n"
    )
    return head.encode()


def allow_origins(app: Flask, settings: Settings) -> None:
    """Let browsers call from the origins that the settings name; credentials travel in a header, never as a cookie."""
    origins = named(settings)
    if origins:
        app.after_request(_by_origin)
        CORS(
            app,
            origins=origins,
            allow_headers=_SENT,
            expose_headers=_SHOWN,
            max_age=_MAX_AGE,
            methods=_METHODS,
            send_wildcard=False,
        )


def _by_origin(response: Response) -> Response:
    response.vary.add("Origin")
    return response
