"""The composition root of the intake."""

from __future__ import annotations

from dataclasses import dataclass

from apiflask import APIBlueprint

from services.ingest.api import blueprint
from services.ingest.handlers import IngestPorts
from shared.engines import Engines


@dataclass(frozen=True)
class IngestService:
    """The service: routes only; it consumes nothing."""

    ports: IngestPorts
    blueprints: list[APIBlueprint]

    def start(self) -> None:
        """Begin: there is nothing to begin."""

    def stop(self) -> None:
        """Stop: there is nothing to stop."""

    def unready(self) -> str | None:
        """Return what keeps this process from its work: nothing of its own."""
        return None


def build(engines: Engines) -> IngestService:
    """Wire the service to its engines."""
    ports = IngestPorts(engines.bus.publish, engines.history.known, engines.history.timeline, engines.clock)
    return IngestService(ports, [blueprint(ports)])
