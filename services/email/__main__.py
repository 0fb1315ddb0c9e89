"""Starts the email service alone: settings, engines, wiring, until it is told to stop."""

from __future__ import annotations

import signal
import threading

from services.email.wiring import build
from shared import logs
from shared.config import Settings
from shared.engines import open_engines


def main() -> None:
    """Answer email requests until SIGTERM or SIGINT."""
    settings = Settings()
    logs.configure(settings)
    engines = open_engines(settings)
    service = build(engines)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    service.start()
    ended.wait()
    service.stop()
    engines.close()


if __name__ == "__main__":
    main()
