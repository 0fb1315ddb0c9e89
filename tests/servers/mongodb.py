"""mongo-java-server 1.47: MongoDB's wire protocol, for no package registry has a real mongod (docs/operations.md)."""

from __future__ import annotations

from pathlib import Path

from servers.install import jars, java
from servers.process import Server, free_port, listens

_LAUNCHER = Path(__file__).with_name("Mongo.java")


def install() -> Path:
    """Return the directory with its jars."""
    return jars("mongo-java-server-1.47.0", "de.bwaldvogel:mongo-java-server-h2-backend:1.47.0")


def start(home: Path) -> Server:
    """Start a server on a file of its own."""
    port = free_port()
    command = [java(), "-Xmx512m", "-cp", f"{install()}/*", _LAUNCHER, str(port), home / "mongo.mv"]
    return Server("mongodb", f"mongodb://127.0.0.1:{port}/tastegraph", port, command, home, listens).start()
