"""A process of gunicorn's: its threads wait for nobody for long, and it leaves no request unanswered when it ends."""

from __future__ import annotations

import ctypes
import signal
import socket
import struct
import sys
import time
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from gunicorn.glogging import Logger
from gunicorn.http import errors

from shared.logs import logger
from shared.web.door import HANDSHAKE, bar
from shared.web.hearing import Hearing
from shared.web.refusal import problem_bytes

_WHEN_THE_PARENT_DIES = 1  # PR_SET_PDEATHSIG
_SEND_SECONDS = 15  # so long one write waits for a client that does not read
_SEND_BYTES = (
    1 << 20
)  # of an answer that the kernel keeps for such a client (it may allow less), so that no thread waits
_log = logger("web")

_STATUS: tuple[tuple[type[Exception], HTTPStatus], ...] = (
    (errors.LimitRequestLine, HTTPStatus.REQUEST_URI_TOO_LONG),
    (errors.LimitRequestHeaders, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE),
    (errors.ExpectationFailed, HTTPStatus.EXPECTATION_FAILED),
    (errors.UnsupportedTransferCoding, HTTPStatus.NOT_IMPLEMENTED),
    (errors.ParseException, HTTPStatus.BAD_REQUEST),
)


class Worker(Hearing):
    """Answers from threads; `app` is a `shared.web.alone.Front`."""

    seat = 0

    def init_process(self) -> None:
        """Begin; a master that is killed takes its workers along, so that the next one finds the ports free."""
        if sys.platform.startswith("linux"):
            ctypes.CDLL(None).prctl(_WHEN_THE_PARENT_DIES, signal.SIGKILL)
        super().init_process()

    def notify(self) -> None:
        """Say that the worker is alive; called about once a second."""
        super().notify()
        if late := self.app.deadlines.enforce():
            _log.info("requests.too-slow", count=late)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Begin to end."""
        self.app.stopping.set()
        super().handle_exit(sig, frame)

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001 (gunicorn's own signature)
        """Open or close the door; for good, once the worker ends: who stands at it by then is still let in."""
        if not self.alive and self._accepting:
            self._let_all_in()
        super().set_accept_enabled(enabled)
        if not self.alive and not enabled:  # told to end before it began, a worker opens its door all the same
            for door in self.sockets:
                door.close()

    def _let_all_in(self) -> None:
        if all(bar(door.sock) for door in self.sockets):
            time.sleep(HANDSHAKE)
        for door in self.sockets:
            self._let_in(door)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer what cannot be read with a problem; what was sent is neither logged nor sent back."""
        del req, addr
        status = next((status for kind, status in _STATUS if isinstance(exc, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)
        if status is HTTPStatus.INTERNAL_SERVER_ERROR:
            _log.error("a request failed", error=type(exc).__name__, exc_info=exc)
        else:
            _log.info("request.refused", error=type(exc).__name__, status=int(status))
        with suppress(OSError):  # nobody waits for it any more
            client.sendall(problem_bytes(status))


def bounded(door: socket.socket) -> socket.socket:
    """Bound how long a write to any client of this door may wait; they inherit it."""
    door.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _SEND_SECONDS, 0))
    door.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BYTES)
    return door


class Voice(Logger):  # type: ignore[misc]
    """What gunicorn says, in our log: the sentence without what was put into it, which may be a client's."""

    def setup(self, cfg: Any) -> None:
        """Take no handlers of gunicorn's own; requests are logged by the app."""
        self.cfg = cfg

    def critical(self, msg: str, *_: Any, **__: Any) -> None:
        """Tell of what ends a worker."""
        _log.error("gunicorn", reason=msg)

    def exception(self, msg: str, *_: Any, **__: Any) -> None:
        """Tell of what should not happen."""
        _log.exception("gunicorn", reason=msg)

    error = critical

    def warning(self, msg: str, *_: Any, **__: Any) -> None:
        """Tell of what is odd."""
        _log.warning("gunicorn", reason=msg)

    def info(self, msg: str, *_: Any, **__: Any) -> None:
        """Tell of what is usual."""
        _log.debug("gunicorn", reason=msg)

    debug = info

    def log(self, _: Any, msg: str, *__: Any, **___: Any) -> None:
        """Tell of anything else."""
        _log.debug("gunicorn", reason=msg)

    def access(self, *_: Any) -> None:
        """Say nothing: the app has told of the request, by its route and without what it held."""
