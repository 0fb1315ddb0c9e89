"""How answers are compressed on their way."""

from __future__ import annotations

from flask import Flask, Response
from flask_compress import Compress

_TEXTS = ("application/json", "application/problem+json", "text/html", "text/css", "text/javascript", "text/plain")
_LEAST = 1024  # bytes; below it the head weighs more


def pack(app: Flask) -> None:
    """Compress texts for who asks for it; never what must not be kept, such as a key that is shown once (BREACH)."""
    app.config.update(
        COMPRESS_MIMETYPES=_TEXTS,
        COMPRESS_ALGORITHM=["br", "gzip"],
        COMPRESS_BR_LEVEL=4,
        COMPRESS_MIN_SIZE=_LEAST,
        COMPRESS_STREAMS=False,
        COMPRESS_REGISTER=False,
    )
    compress = Compress()
    compress.init_app(app)

    @app.after_request
    def packed(response: Response) -> Response:
        if "no-store" in response.headers.get("Cache-Control", ""):
            return response
        return compress.after_request(response)
