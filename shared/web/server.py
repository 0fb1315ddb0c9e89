"""The HTTP server of the embedded runtime: bound before anything is promised, drained before anything is closed."""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from apiflask import APIFlask
from waitress import wasyncore
from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.server import create_server

from shared.config import Settings
from shared.listening import listening
from shared.web.admission import HEALTH_THREADS, Admission, Bounds, Place, Priority, Ticket, priority_of, seat
from shared.web.connections import connections
from shared.web.door import HANDSHAKE, bar
from shared.web.prompt import Prompt
from shared.web.refusal import Refusals, Said

_DRAIN = 15.0  # seconds for the requests in hand; a bounded wait for a reply fits in
_GRACE = 0.5  # an open connection may be about to send
_SWEEP = 0.02
_AT_ONCE = 64  # connections that are taken in before those that are open are heard again
_IDLE = 60  # seconds until a silent connection is closed


class _Channel(HTTPChannel):  # type: ignore[misc]
    """A connection that ends with the answer in hand once its server drains."""

    ticket: Ticket
    requests: list[Any]

    def __init__(self, server: Any, sock: socket.socket, *given: Any, **named: Any) -> None:
        super().__init__(server, Prompt(sock), *given, **named)

    def service(self) -> None:
        """Answer one request, and let the next one have the thread."""
        ticket = self.ticket
        if self.server.draining:
            self.requests[0].headers["CONNECTION"] = "close"
        seat(Place(partial(leave, self.server, ticket), partial(self.server.admission.resumed, ticket), ticket.since))
        try:
            super().service()
        finally:
            seat(None)
            leave(self.server, ticket)

    def refuse(self) -> None:
        """Say that the request is one too many, without a thread."""
        request = self.requests[0]
        asked = request.headers.get("CONNECTION", "").lower()
        keep = request.version == "1.1" and asked != "close" and not self.server.draining
        with suppress(ClientDisconnected):
            self.write_soon(self.server.refusals.too_many(self.ticket.priority, _said(request), keep=keep))
        request.close()
        self.requests = []
        self.close_when_flushed = not keep


def _said(request: Any) -> Said:
    origin, id, asked = (
        request.headers.get(name, "") for name in ("ORIGIN", "X_REQUEST_ID", "ACCESS_CONTROL_REQUEST_METHOD")
    )
    return Said(origin, id, preflight=request.command == "OPTIONS" and bool(asked))


def admit(channel: _Channel) -> None:
    """Have a request answered, now or soon, or refuse it; called once all of it has come in."""
    server, request = channel.server, channel.requests[0]
    priority = priority_of(getattr(request, "command", ""), getattr(request, "path", ""))
    channel.ticket = Ticket(priority, narrow=priority is Priority.ADMIN)
    refused = server.admission.offer(channel, channel.ticket)
    if refused is channel:
        channel.refuse()
        return
    if refused is not None:
        server.trigger.pull_trigger(refused.refuse)  # in the loop: this may be a thread that has ended its work
    work(server)


def leave(server: Any, ticket: Ticket) -> None:
    """Give a place to whoever waits for it."""
    server.admission.done(ticket)
    work(server)


def work(server: Any) -> None:
    """Give threads to those who may have one now."""
    while (channel := server.admission.next()) is not None:
        server.task_dispatcher.add_task(channel)


class HttpServer:
    """Serves an app from threads. What it has begun to receive is answered, also while it ends."""

    def __init__(self, app: APIFlask, settings: Settings, threads: int = 16) -> None:
        """Take the port.

        Raises:
            UnavailableError: the port is in use, or there is no such address here.
        """
        self._server = create_server(
            app,
            sockets=[listening(settings.host, settings.port)],
            threads=threads + HEALTH_THREADS,
            connection_limit=connections(),
            asyncore_use_poll=True,  # select knows 1,024 descriptors only
            clear_untrusted_proxy_headers=not settings.trusted_proxies,
            channel_timeout=_IDLE,
            ident=None,
            # The app answers what is too large; the server itself stops what would fill the disk.
            max_request_body_size=2 * max(settings.max_bulk_body_bytes, settings.max_body_bytes),
        )
        self._server.channel_class = _Channel
        self._server.handle_accept = partial(_let_in, self._server, self._server.handle_accept, _AT_ONCE)
        self._server.draining = False
        self._server.refusals = Refusals(settings)
        self._server.admission = Admission(Bounds(min(settings.web_working, threads), settings.web_waiting))
        self._server.add_task = admit
        self.url = f"http://{settings.host}:{self._server.effective_port}"
        self._thread = threading.Thread(target=self._server.run, name="http", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    @property
    def draining(self) -> bool:
        """Say whether the server has begun to end."""
        return bool(self._server.draining)

    def drain(self, timeout: float = _DRAIN) -> None:
        """Take no new connections, answer what has come in, and end; after `timeout` seconds cut off the rest."""
        self._server.draining = True
        if bar(self._server.socket) and self._thread.is_alive():
            self._thread.join(HANDSHAKE)
        begun = time.monotonic()
        self._soon(self._close_the_door)
        while self._thread.is_alive() and (waited := time.monotonic() - begun) < timeout:
            if waited > _GRACE:
                self._soon(self._close_the_idle)
            self._thread.join(_SWEEP)
        # Only now, and only if no thread is left that may pull it: once closed, its number may be another file's.
        if not (self._thread.is_alive() or self._server.task_dispatcher.active_count):
            self._server.trigger.close()

    def _soon(self, act: Callable[[], None]) -> None:
        """Have something done in the server's own thread."""
        self._server.trigger.pull_trigger(act)

    def _close_the_door(self) -> None:
        _let_in(self._server, self._server.handle_accept)  # take in those who stand at the door already
        wasyncore.dispatcher.close(self._server)

    def _close_the_idle(self) -> None:
        for channel in list(self._server.active_channels.values()):
            if not (channel.requests or channel.request or channel.total_outbufs_len) and not _has_sent(channel):
                channel.handle_close()
        if not self._server.active_channels:
            self._server.trigger.del_channel()  # nothing is left to wait for: the thread ends


def _let_in(server: Any, accept: Callable[[], None], most: float = math.inf) -> None:
    """Take in all who stand at the door, or so many: one a turn of the loop is too few when turns are long."""
    known = -1
    while known != len(server.active_channels) and most > 0:
        known, most = len(server.active_channels), most - 1
        accept()


def _has_sent(channel: Any) -> bool:
    try:
        return bool(channel.socket.recv(1, socket.MSG_PEEK))
    except OSError:
        return False
