"""The table of servers: how each is installed and started, and the variable that names one that runs already."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from servers import kafka, mongodb, neo4j, redis, s3, toxiproxy
from servers.process import Server


@dataclass(frozen=True)
class Entry:
    """A server that can be had."""

    name: str
    install: Callable[[], Path]
    start: Callable[..., Server]  # takes the directory for its files

    @property
    def variable(self) -> str:
        """The environment variable that names a server to use instead, that of `docker compose up`, say."""
        return f"TASTEGRAPH_TEST_{self.name.upper()}_URL"


def _entry(module: ModuleType) -> Entry:
    return Entry(module.__name__.rpartition(".")[2], module.install, module.start)


# The slowest to install first: they are installed side by side.
SERVERS = {entry.name: entry for entry in map(_entry, (s3, neo4j, toxiproxy, kafka, mongodb, redis))}
