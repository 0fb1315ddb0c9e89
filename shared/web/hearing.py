"""A gunicorn worker that hears requests in its loop and lends threads only to what was admitted."""

from __future__ import annotations

import errno
import math
import socket
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from selectors import EVENT_READ
from typing import Any

from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, ThreadWorker

from shared.clock import monotonic
from shared.logs import logger
from shared.web.admission import HEALTH_THREADS, Admission, Bounds, Place, Ticket, seat
from shared.web.arriving import Arrived, Arriving
from shared.web.prompt import Prompt
from shared.web.refusal import Refusals, Said, problem_bytes

_LINGER = 2.0  # seconds that a closed connection may still send: closing at once would take the answer back
_PIECES = 16  # that are heard of who was told to end; who sends more is cut off
_SWEEP = 0.25
_AT_ONCE = 64  # connections that are taken in before those that are open are heard again
_SWITCH_SECONDS = 0.0005  # the loop has little to do at a time, and must not wait long for threads that compute
_OUT_OF_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_log = logger("web")


class Hearing(ThreadWorker):  # type: ignore[misc]
    """Everything here happens in the loop's own thread, but for `handle`, which gunicorn runs in the pool's."""

    def init_process(self) -> None:
        """Begin with nobody in work."""
        settings = self.app.settings
        working = min(settings.web_working, settings.web_threads)
        self._admission: Admission[Any] = Admission(Bounds(working, settings.web_waiting))
        self._refusals = Refusals(settings)
        self._until: dict[Any, float] = {}  # of connections that are heard, or that linger
        self._swept_at = 0.0
        sys.setswitchinterval(_SWITCH_SECONDS)
        super().init_process()

    def get_thread_pool(self) -> ThreadPoolExecutor:
        """Return the threads: those of the settings, and those kept for whoever asks how we are."""
        return ThreadPoolExecutor(self.cfg.threads + HEALTH_THREADS)

    def accept(self, listener: Any) -> None:
        """Take a connection in; without a descriptor for it, let idle ones go, and wait until others have ended."""
        try:
            self._let_in(listener, _AT_ONCE)
        except OSError as error:
            if error.errno not in _OUT_OF_DESCRIPTORS:
                raise
            _log.warning("connections.no-descriptor", error=errno.errorcode[error.errno or 0])
            self.murder_keepalived(force=True)
            self._drop_idle()
            time.sleep(_SWEEP / 10)

    def _let_in(self, door: Any, most: float = math.inf) -> None:
        """Take in all who stand at a door, or so many: one a turn of the loop is too few when turns are long."""
        known = -1
        while known != self.nr_conns and most > 0:
            known, most = self.nr_conns, most - 1
            super().accept(door)

    def enqueue_req(self, conn: Any) -> None:
        """Hear what a connection has to say; gunicorn calls this whenever it may have something."""
        conn.sock.settimeout(0)
        conn.prompt = Prompt(conn.sock)
        conn.heard = Arriving(conn.parser.unreader.take_buffered() if conn.parser else b"")
        conn.registered = conn.idle = False
        self._until[conn] = monotonic() + (self.cfg.keepalive if self.alive else STOP_KEEPALIVE_LINGER)
        self._hear(conn)

    def handle(self, conn: Any) -> Any:
        """Answer a request; in a thread of the pool."""
        seat(Place(partial(self._left, conn.ticket), partial(self._admission.resumed, conn.ticket), conn.ticket.since))
        try:
            return super().handle(conn)
        finally:
            seat(None)

    def _left(self, ticket: Ticket) -> None:
        self._admission.done(ticket)
        self.method_queue.defer(self._work)

    def finish_request(self, conn: Any, fs: Future[Any]) -> None:
        """Keep a connection, or close it; and let the next request have the thread."""
        self.app.deadlines.received(conn.sock)
        self._admission.done(conn.ticket)
        if not fs.cancelled() and fs.exception() is None and fs.result():
            super().finish_request(conn, fs)
        else:
            self._linger(conn)
        self._work()

    def murder_pending(self) -> None:
        """Close connections that have not sent a request in time, and those that have lingered long enough."""
        now = monotonic()
        if now < self._swept_at + _SWEEP:
            return
        self._swept_at = now
        for conn in [conn for conn, until in self._until.items() if until < now]:
            if conn.heard is not None and conn.heard.data:
                _log.info("requests.too-slow", count=1)
                self._answer(conn, problem_bytes(HTTPStatus.REQUEST_TIMEOUT))
            self._drop(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        super()._cap_keepalive(deadline)
        for conn, until in self._until.items():
            if not (conn.heard and conn.heard.data):
                self._until[conn] = min(until, deadline)

    def _hear(self, conn: Any, _: Any = None) -> None:
        before = len(conn.heard.data)
        try:
            more = conn.heard.listen(conn.prompt)
        except OSError:
            self._drop(conn)
            return
        arrived = conn.heard.arrived()
        if arrived is not None:
            self._decide(conn, arrived)
        elif not more:
            self._drop(conn)
        else:
            if not before and conn.heard.data:
                self._until[conn] = monotonic() + self.app.settings.receive_seconds
            self._expect(conn, self._hear)

    def _decide(self, conn: Any, arrived: Arrived) -> None:
        conn.ticket, conn.whole, conn.closing = arrived.ticket, arrived.whole, arrived.closing
        refused = self._admission.offer(conn, arrived.ticket)
        if refused is not conn:
            self._heard(conn)
            self._work()
        if refused is not None:
            self._refuse(refused)

    def _refuse(self, conn: Any) -> None:
        keep = conn.whole and not conn.closing and self.alive
        if self._answer(conn, self._refusals.too_many(conn.ticket.priority, _said(conn.heard), keep=keep)) and keep:
            self._hear_anew(conn)
        else:
            self._linger(conn)

    def _work(self) -> None:
        while (conn := self._admission.next()) is not None:
            conn.init()
            conn.parser.unreader.unread(bytes(conn.heard.data))
            conn.heard = None
            if not conn.whole:
                self.app.deadlines.begin(conn.sock)
            super().enqueue_req(conn)

    def _hear_anew(self, conn: Any) -> None:
        """Keep a connection whose request was refused; it is registered still, for that lets go of Python's lock."""
        conn.heard, conn.idle = Arriving(), True
        self._until[conn] = monotonic() + self.cfg.keepalive
        self._expect(conn, self._hear)

    def _drop_idle(self) -> None:
        for conn in [conn for conn in self._until if conn.idle and conn.heard and not conn.heard.data]:
            self._drop(conn)

    def _linger(self, conn: Any) -> None:
        """Let the client read what it was told before the connection ends, without waiting for it here."""
        self._heard(conn)
        conn.heard = None
        try:
            conn.sock.settimeout(0)
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(conn)
            return
        self._until[conn] = monotonic() + _LINGER
        self._until_gone(conn)

    def _until_gone(self, conn: Any, _: Any = None) -> None:
        try:
            for _ in range(_PIECES):
                if not conn.sock.recv(1 << 16):
                    break
        except BlockingIOError:
            self._expect(conn, self._until_gone)
            return
        except OSError:
            pass
        self._drop(conn)

    def _expect(self, conn: Any, then: Any) -> None:
        if not conn.registered:
            self.poller.register(conn.sock, EVENT_READ, partial(then, conn))
            conn.registered = True

    def _heard(self, conn: Any) -> None:
        self._until.pop(conn, None)
        if conn.registered:
            self.poller.unregister(conn.sock)
            conn.registered = False

    def _drop(self, conn: Any) -> None:
        self._heard(conn)
        self.nr_conns -= 1
        conn.close()

    def _answer(self, conn: Any, said: bytes) -> bool:
        with suppress(OSError):  # nobody waits for it any more
            return int(conn.prompt.send(said)) == len(said)
        return False


def _said(heard: Arriving) -> Said:
    asks = heard.method == "OPTIONS" and bool(heard.said("access-control-request-method"))
    return Said(heard.said("origin"), heard.said("x-request-id"), preflight=asks)
