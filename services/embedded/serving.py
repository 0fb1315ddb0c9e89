"""The HTTP face of the embedded runtime: both HTTP services in one app, until told to stop."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import typer

from services.embedded.control import ControlServer
from services.embedded.runtime import Runtime, blueprints, favour_readers, open_runtime
from services.embedded.session import listen
from shared.config import Settings
from shared.logs import logger
from shared.operations import Check
from shared.process import answers, ending, moves, told_to_stop
from shared.tracing import traced
from shared.web.app import create_app
from shared.web.server import HttpServer

# What may follow once the server is ready: the runtime, its address, and the event that tells it to stop.
Then = Callable[[Runtime, str, threading.Event], None]
_DRAIN, _COMMANDS = 12.0, 6.0  # seconds for requests and for other processes' commands in hand, once told to stop
log = logger("embedded")


def serve(settings: Settings, then: Then | None = None) -> None:
    """Serve until SIGTERM or SIGINT; call `then` once it is ready.

    Raises:
        UnavailableError: the port is in use, or another process owns the data directory.
    """
    with traced(settings, "embedded"):
        _serve(settings, then)


def _serve(settings: Settings, then: Then | None) -> None:
    stopping = told_to_stop()
    runtime = open_runtime(settings, "serve")
    try:
        app = create_app(
            "Tastegraph",
            runtime.front,
            blueprints(runtime),
            _needs(runtime) | ending(stopping),
            runtime.front.breakers.states,
        )
        server = HttpServer(app, settings)
        control = listen(runtime)
    except BaseException:
        runtime.stop()
        raise
    favour_readers()
    try:
        runtime.start()
        runtime.ownership.announce(server.url)
        server.start()
        typer.echo(f"ready {server.url}")
        if then:
            then(runtime, server.url, stopping)
        stopping.wait()
    finally:
        _end(server, control, runtime)


def _end(server: HttpServer, control: ControlServer, runtime: Runtime) -> None:
    """Finish what is in hand, then close; engines are never closed under a command that still uses them."""
    server.drain(_DRAIN)
    if not control.stop(_COMMANDS):
        log.warning("a command is still running; its engines end with the process")
        runtime.ownership.release()
        os._exit(0)
    runtime.stop()


def _needs(runtime: Runtime) -> dict[str, Check]:
    """Return what must be well for all five services to do their work."""
    engines = runtime.engines
    consumers = {
        "graph consumer": runtime.graph.progress,
        "email consumer": runtime.email.progress,
        "board consumer": runtime.visionboard.progress,
    }
    return {
        "bus": engines.bus.unready,
        "history": answers(engines.history.watermarks),
        "graph": lambda: "is being rebuilt" if engines.knowledge.status().get("needs_rebuild") else None,
        **{name: moves(progress) for name, progress in consumers.items()},
    }
