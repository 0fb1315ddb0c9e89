"""Ids in paths: an id may hold a slash, which a client writes as %2F; WSGI would unpack it before routing."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from flask import Flask
from pydantic import TypeAdapter, ValidationError
from werkzeug.exceptions import NotFound
from werkzeug.routing import BaseConverter

from shared.contracts.values import Id

_SLASH = "\x1f"  # stands for a slash within an id while routes are matched; ids hold no control characters
_ID: TypeAdapter[str] = TypeAdapter(Id)


class IdConverter(BaseConverter):
    """`<id:name>`: one path segment that is an id of a shop's own, in the one form that ids are kept in."""

    def to_python(self, value: str) -> str:
        """Return the id that a segment names."""
        try:
            return _ID.validate_python(unicodedata.normalize("NFC", value.replace(_SLASH, "/")).strip())
        except ValidationError:
            raise NotFound("there is no such thing") from None  # for every method alike, so not werkzeug's own


def keep_slashes(app: Flask) -> None:
    """Let `<id:…>` be a converter of the app's routes, and let encoded slashes reach it."""
    app.url_map.converters["id"] = IdConverter
    app.wsgi_app = _KeepSlashes(app.wsgi_app)  # type: ignore[method-assign,assignment]


class _KeepSlashes:
    """Routes by the path as it was sent, so that %2F is part of a segment and not its end."""

    def __init__(self, inner: Callable[..., Iterable[bytes]]) -> None:
        self._inner = inner

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        sent = str(environ.get("RAW_URI") or environ.get("REQUEST_URI") or "")
        path = sent.partition("?")[0] if sent.startswith("/") else urlsplit(sent).path
        if "%2f" in path.lower() and not environ.get("SCRIPT_NAME"):
            environ["PATH_INFO"] = "/".join(_segment(part) for part in path.split("/"))
        return self._inner(environ, start)


def _segment(part: str) -> str:
    """Unpack a segment as WSGI wants it: bytes as latin-1 characters."""
    return unquote_to_bytes(part).decode("latin-1").replace("/", _SLASH)
