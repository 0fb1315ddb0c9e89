"""Starts the email service alone."""

from __future__ import annotations

from services.email.wiring import build
from shared.answering import needs
from shared.process import consume, run


def main() -> None:
    """Answer email requests until SIGTERM or SIGINT."""
    run(consume("email", build, needs))


if __name__ == "__main__":
    main()
