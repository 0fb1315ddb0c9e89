"""Taking a port: before anything is promised, and in one line if it cannot be had."""

from __future__ import annotations

import socket

from shared.errors import UnavailableError

_BACKLOG = 1024


def listening(host: str, port: int, purpose: str = "") -> socket.socket:
    """Return a socket that listens; port 0 takes a free one.

    Raises:
        UnavailableError: the port is in use, or there is no such address here.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        asked = f"{host}:{port} ({purpose})" if purpose else f"{host}:{port}"
        raise UnavailableError(f"cannot listen on {asked}: {error.strerror}") from None
