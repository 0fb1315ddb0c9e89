"""The HTTP face of the embedded runtime: both HTTP services in one app, until told to stop."""

from __future__ import annotations

import gc
import signal
import threading
from collections.abc import Callable
from typing import Any

import typer
from apiflask import APIFlask
from waitress.server import create_server

from services.embedded.runtime import Runtime, blueprints, open_runtime
from services.embedded.session import listen
from shared.config import Settings
from shared.errors import UnavailableError
from shared.logs import logger
from shared.web.app import create_app

_THREADS = 16
_STALLED = 60.0  # a consumer that has not polled for so long is wedged
log = logger("embedded")


def serve(settings: Settings, then: Callable[[Runtime, str], None] | None = None) -> None:
    """Serve until SIGTERM or SIGINT; call `then` with the runtime and the address once it is ready.

    Raises:
        UnavailableError: the port is in use, or another process owns the data directory.
    """
    runtime = open_runtime(settings, "serve")
    try:
        app = create_app("Tastegraph", runtime.engines, blueprints(runtime), {"graph": lambda: _graph_state(runtime)})
        server = _bound(app, settings)
    except BaseException:
        runtime.stop()
        raise
    _spare_the_collector()
    url = f"http://{settings.host}:{server.effective_port}"
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    control = listen(runtime)
    runtime.start()
    runtime.ownership.announce(url)
    worker = threading.Thread(target=server.run, name="http", daemon=True)
    worker.start()
    typer.echo(f"ready {url}")
    try:
        if then:
            then(runtime, url)
        stopping.wait()
    finally:
        server.close()
        control.stop()
        runtime.stop()


def _spare_the_collector() -> None:
    """Collecting what lives as long as the process costs readers their tail (63 → 51 ms at p99 of an insight)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _bound(app: APIFlask, settings: Settings) -> Any:
    try:
        return create_server(
            app, host=settings.host, port=settings.port, threads=_THREADS, clear_untrusted_proxy_headers=True
        )
    except OSError as error:
        raise UnavailableError(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}") from None


def _graph_state(runtime: Runtime) -> str | None:
    if runtime.engines.knowledge.status().get("needs_rebuild"):
        return "the graph is being rebuilt"
    return "the graph's consumer is stuck" if runtime.graph.progress() > _STALLED else None
