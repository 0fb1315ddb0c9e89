"""Starts the gateway alone."""

from __future__ import annotations

from waitress import serve

from services.gateway.wiring import build
from shared import logs
from shared.config import Settings
from shared.engines import open_engines
from shared.web.app import create_app


def main() -> None:
    """Serve until ended."""
    settings = Settings()
    logs.configure(settings)
    engines = open_engines(settings)
    service = build(engines)
    app = create_app("Tastegraph gateway", engines, service.blueprints, {})
    service.start()
    try:
        serve(app, host=settings.host, port=settings.port, threads=16, _quiet=True)  # a thread waits for each reply
    finally:
        service.stop()
        engines.close()


if __name__ == "__main__":
    main()
