"""Starts the email service alone."""

from __future__ import annotations

from services.email.wiring import EmailService, build
from shared.engines import Engines
from shared.operations import Check
from shared.process import answers, consume, moves, run


def needs(engines: Engines, service: EmailService) -> dict[str, Check]:
    """Return what must answer for emails to be made."""
    return {
        "bus": engines.bus.unready,
        "knowledge": answers(engines.knowledge.status),
        "consumer": service.unready,
        "progress": moves(service.progress),
    }


def main() -> None:
    """Answer email requests until SIGTERM or SIGINT."""
    run(consume("email", build, needs))


if __name__ == "__main__":
    main()
