"""Starts the graph service alone: settings, engines, subscriptions, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import signal
import threading

from services.graph.wiring import build
from shared.config import Settings
from shared.engines import open_engines
from shared.logs import configure


def main() -> None:
    """Run until asked to stop."""
    settings = Settings()
    configure(settings)
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    engines = open_engines(settings)
    try:
        service = build(engines)
        service.start()
        asked.wait()
        service.stop()
    finally:
        engines.close()


if __name__ == "__main__":
    main()
