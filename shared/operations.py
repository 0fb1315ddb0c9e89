"""The operations port of a service that runs alone: is it alive, can it do its work, what does it measure."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

from shared.config import Settings
from shared.errors import UnavailableError

# Says what is missing, or nothing when all is well.
Check = Callable[[], str | None]
Answer = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@contextmanager
def operations(settings: Settings, alive: Mapping[str, Check], ready: Mapping[str, Check]) -> Iterator[int]:
    """Answer /livez, /readyz and /metrics on the operations port while inside; gives the port that was taken.

    `alive` speaks of this process only: what it waits for may be away without it having to die. `ready` says whether it
    can do its work now.

    Raises:
        UnavailableError: the port is in use.
    """
    host, port = settings.operations_host, settings.operations_port
    try:
        server = make_server(host, port, application(alive, ready), _Server, _Silent)
    except OSError as error:
        raise UnavailableError(f"cannot listen on {host}:{port} (operations): {error.strerror}") from None
    thread = threading.Thread(target=server.serve_forever, name="operations", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def application(alive: Mapping[str, Check], ready: Mapping[str, Check]) -> Answer:
    """Return the WSGI application of an operations port."""
    metrics = make_wsgi_app()
    asked = {"/livez": ("alive", alive), "/readyz": ("ready", ready)}

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            found: Iterable[bytes] = metrics(environ, start)
            return found
        if path not in asked:
            return _said(start, HTTPStatus.NOT_FOUND, {"status": "unknown"})
        word, checks = asked[path]
        said = {name: check() for name, check in checks.items()}
        missing = any(said.values())
        body = {"status": f"not {word}" if missing else word, "checks": {n: s or "ok" for n, s in said.items()}}
        return _said(start, HTTPStatus.SERVICE_UNAVAILABLE if missing else HTTPStatus.OK, body)

    return answer


def _said(start: Callable[..., Any], status: HTTPStatus, body: Mapping[str, Any]) -> list[bytes]:
    start(f"{status.value} {status.phrase}", [("Content-Type", "application/json"), ("Cache-Control", "no-store")])
    return [json.dumps(body).encode()]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Silent(WSGIRequestHandler):
    timeout = 5  # seconds that a slow prober may take

    def log_message(self, *_: Any) -> None:
        """Say nothing: probes come every few seconds."""
