"""Bodies are taken in whole, and in time, before a request is worked on: a slow client holds no thread for long."""

from __future__ import annotations

import socket
import tempfile
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import IO, Any

from shared.clock import monotonic

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_IN_MEMORY = 1 << 20  # bytes of a body; of a larger one the rest goes to a temporary file
_PIECE = 1 << 16


class Deadlines:
    """Until when each connection may send its request. Thread-safe; `enforce` is to be called about once a second.

    Who is late is not heard any further, and still gets an answer to what did come in.
    """

    def __init__(self, seconds: float, now: Callable[[], float] = monotonic) -> None:
        self._seconds, self._now = seconds, now
        self._until: dict[socket.socket, float] = {}
        self._lock = threading.Lock()

    def begin(self, connection: socket.socket) -> None:
        """Note that a request has begun to come in."""
        with self._lock:
            self._until[connection] = self._now() + self._seconds

    def received(self, connection: socket.socket | None) -> None:
        """Note that it is there, or never will be; harmless twice."""
        with self._lock:
            self._until.pop(connection, None)  # type: ignore[arg-type]

    def enforce(self) -> int:
        """Stop listening to those who are late; return how many there were."""
        with self._lock:
            late = [connection for connection, until in self._until.items() if until < self._now()]
            for connection in late:
                del self._until[connection]
                with suppress(OSError):  # it has just been closed
                    connection.shutdown(socket.SHUT_RD)
        return len(late)


def taking_in(inner: Application, deadlines: Deadlines, most: int) -> Application:
    """Return the application behind a door that takes bodies in first; of one larger than `most`, no more than that."""

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if _worth_reading(environ, most):
            environ["wsgi.input"] = _read(environ["wsgi.input"], most)
        deadlines.received(environ.get("gunicorn.socket"))
        return inner(environ, start)

    return answer


def _worth_reading(environ: dict[str, Any], most: int) -> bool:
    """Say whether there is a body, and not one of which the app is going to refuse every byte."""
    length = str(environ.get("CONTENT_LENGTH") or "")
    return "HTTP_TRANSFER_ENCODING" in environ or (length.isdigit() and 0 < int(length) <= most)


def _read(body: IO[bytes], most: int) -> IO[bytes]:
    kept = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 (the request reads it, and forgets it)
    while kept.tell() <= most and (piece := body.read(_PIECE)):
        kept.write(piece)
    kept.seek(0)
    return kept
