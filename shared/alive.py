"""Asks this container's own process whether it is alive: exit status 0 or 1.

The operations port answers for a service that runs alone, the common one for all five in one process.
"""

from __future__ import annotations

import http.client
import sys
from http import HTTPStatus

from shared.config import Settings


def alive(port: int, seconds: float = 3.0) -> bool:
    """Return whether a port on this host says so within `seconds`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status == HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    settings = Settings()
    sys.exit(0 if alive(settings.operations_port) or alive(settings.port) else 1)
