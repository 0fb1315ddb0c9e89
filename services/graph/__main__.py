"""Starts the graph service alone."""

from __future__ import annotations

from services.graph.wiring import GraphService, build
from shared.engines import Engines
from shared.operations import Check
from shared.process import answers, consume, moves, run


def needs(engines: Engines, service: GraphService) -> dict[str, Check]:
    """Return what must answer for events to be projected."""
    return {
        "bus": engines.bus.unready,
        "history": answers(engines.history.watermarks),
        "knowledge": answers(engines.knowledge.status),
        "consumer": service.unready,
        "progress": moves(service.progress),
    }


def main() -> None:
    """Project events until SIGTERM or SIGINT."""
    run(consume("graph", build, needs))


if __name__ == "__main__":
    main()
