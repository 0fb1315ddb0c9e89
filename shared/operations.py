"""The operations port of a service that runs alone: is it alive, can it do its work, what does it measure."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import make_wsgi_app

from shared.config import Settings
from shared.listening import listening
from shared.metrics import registry

# Says what is missing, or nothing when all is well.
Check = Callable[[], str | None]
Answer = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_LOOK_SECONDS = 0.1  # between two looks whether the server was told to end


def door(settings: Settings) -> socket.socket:
    """Take the operations port.

    Raises:
        UnavailableError: the port is in use.
    """
    return listening(settings.operations_host, settings.operations_port, "operations")


@contextmanager
def operations(
    taken: socket.socket,
    alive: Mapping[str, Check],
    ready: Mapping[str, Check],
    breakers: Callable[[], Mapping[str, str]] = dict,
) -> Iterator[int]:
    """Answer /livez, /readyz and /metrics on a port that was taken, while inside; gives its number.

    `alive` speaks of this process only: what it waits for may be away without it having to die. `ready` says whether it
    can do its work now, and how its `breakers` stand. Processes that share the port share its questions: any of them
    answers, once.
    """
    server = _Server(taken, application(alive, ready, breakers))
    thread = threading.Thread(target=server.serve_forever, args=(_LOOK_SECONDS,), name="operations", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def application(
    alive: Mapping[str, Check], ready: Mapping[str, Check], breakers: Callable[[], Mapping[str, str]] = dict
) -> Answer:
    """Return the WSGI application of an operations port."""
    metrics = make_wsgi_app(registry())
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
        body: dict[str, Any] = {"status": f"not {word}" if missing else word}
        body["checks"] = {name: told or "ok" for name, told in said.items()}
        if path == "/readyz" and (standings := breakers()):
            body["breakers"] = dict(standings)
        return _said(start, HTTPStatus.SERVICE_UNAVAILABLE if missing else HTTPStatus.OK, body)

    return answer


def _said(start: Callable[..., Any], status: HTTPStatus, body: Mapping[str, Any]) -> list[bytes]:
    start(f"{status.value} {status.phrase}", [("Content-Type", "application/json"), ("Cache-Control", "no-store")])
    return [json.dumps(body).encode()]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def __init__(self, taken: socket.socket, answer: Answer) -> None:
        host, self.server_port = taken.getsockname()[:2]
        super().__init__((host, self.server_port), _Silent, bind_and_activate=False)
        self.socket.close()
        self.socket = taken
        self.socket.settimeout(0)  # of the processes that share it another one may have been quicker
        self.server_name = host
        self.setup_environ()
        self.set_app(answer)


class _Silent(WSGIRequestHandler):
    timeout = 5  # seconds that a slow prober may take

    def log_message(self, *_: Any) -> None:
        """Say nothing: probes come every few seconds."""
