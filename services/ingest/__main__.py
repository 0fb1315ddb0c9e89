"""Starts the intake alone."""

from __future__ import annotations

from services.ingest.wiring import IngestService, build
from shared.engines import Engines
from shared.operations import Check
from shared.process import run
from shared.web.alone import serve


def needs(engines: Engines, _: IngestService) -> dict[str, Check]:
    """Return what must answer for events to be taken in; while the history is away they wait in the log."""
    return {"bus": engines.bus.unready}


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    run(serve("ingest", "Tastegraph intake", build, needs))


if __name__ == "__main__":
    main()
