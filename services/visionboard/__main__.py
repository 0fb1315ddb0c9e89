"""Starts the board service alone."""

from __future__ import annotations

from services.visionboard.wiring import VisionboardService, build
from shared.engines import Engines
from shared.operations import Check
from shared.process import answers, consume, moves, run


def needs(engines: Engines, service: VisionboardService) -> dict[str, Check]:
    """Return what must answer for boards to be made."""
    return {
        "bus": engines.bus.unready,
        "knowledge": answers(engines.knowledge.status),
        "consumer": service.unready,
        "progress": moves(service.progress),
    }


def main() -> None:
    """Answer board requests until SIGTERM or SIGINT."""
    run(consume("visionboard", build, needs))


if __name__ == "__main__":
    main()
