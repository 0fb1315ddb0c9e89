"""Starts the board service alone."""

from __future__ import annotations

from services.visionboard.wiring import build
from shared.answering import needs
from shared.process import consume, run


def main() -> None:
    """Answer board requests until SIGTERM or SIGINT."""
    run(consume("visionboard", build, needs))


if __name__ == "__main__":
    main()
