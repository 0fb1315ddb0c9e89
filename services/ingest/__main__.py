"""Starts the intake alone."""

from __future__ import annotations

from waitress import serve

from services.ingest.wiring import build
from shared import logs
from shared.config import Settings
from shared.engines import open_engines
from shared.web.app import create_app


def main() -> None:
    """Serve until ended."""
    settings = Settings()
    logs.configure(settings)
    engines = open_engines(settings)
    app = create_app("Tastegraph intake", engines, build(engines).blueprints, {})
    try:
        serve(app, host=settings.host, port=settings.port, _quiet=True)
    finally:
        engines.close()


if __name__ == "__main__":
    main()
