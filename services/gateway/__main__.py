"""Starts the gateway alone."""

from __future__ import annotations

from services.gateway.wiring import GatewayService, build
from shared.engines import Engines
from shared.operations import Check
from shared.process import answers, run
from shared.web.alone import serve


def needs(engines: Engines, service: GatewayService) -> dict[str, Check]:
    """Return what must answer for requests to be served; without the graph answers are degraded, not absent."""
    return {
        "bus": engines.bus.unready,
        "history": answers(engines.history.watermarks),
        "replies": service.unready,
    }


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    run(serve("gateway", "Tastegraph gateway", build, needs))


if __name__ == "__main__":
    main()
