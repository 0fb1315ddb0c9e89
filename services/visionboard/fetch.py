"""The guarded fetch: one picture's bytes from the outside, within bounds of address, size and time."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

from urllib3 import BaseHTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from services.visionboard.addresses import RefusedError, Resolver, Rules, Target, address_of, parse, system_resolver
from shared import tracing
from shared.clock import monotonic

MAX_BYTES = 5 << 20
MAX_SECONDS = 5.0
MAX_REDIRECTS = 3
PER_HOST = 4
_CHUNK = 1 << 16
_REDIRECTS = {301, 302, 303, 307, 308}
_HEADERS = {
    "Accept": "image/webp,image/png,image/jpeg,image/gif",
    "Accept-Encoding": "identity",
    "User-Agent": "Tastegraph-Visionboard/1",
}


@dataclass
class Fetcher:
    """Fetches pictures. Thread-safe; proxies in the environment are ignored, for no proxy is ever asked."""

    rules: Rules
    resolver: Resolver = system_resolver
    seconds: float = MAX_SECONDS
    _hosts: dict[str, threading.BoundedSemaphore] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fetch(self, url: str) -> bytes:
        """Return a picture's bytes, at most 5 MiB, in at most 5 s.

        Raises:
            RefusedError: the URL, an address, a redirect, the size, the time or the answer is out of bounds.
        """
        deadline = monotonic() + self.seconds
        for _ in range(MAX_REDIRECTS + 1):
            target = parse(url, self.rules)
            with self._turn(target.host, deadline), tracing.span("GET picture", "client"):
                answer = self._ask(target, deadline)
            if isinstance(answer, bytes):
                return answer
            url = urljoin(url, answer)
        raise RefusedError("redirects")

    @contextmanager
    def _turn(self, host: str, deadline: float) -> Iterator[None]:
        """Wait for one of the host's few places."""
        with self._lock:
            places = self._hosts.setdefault(host, threading.BoundedSemaphore(PER_HOST))
        if not places.acquire(timeout=max(0.0, deadline - monotonic())):
            raise RefusedError("timeout")
        try:
            yield
        finally:
            places.release()

    def _ask(self, target: Target, deadline: float) -> bytes | str:
        """Return the body, or where a redirect leads."""
        address = address_of(target, self.rules, self.resolver)
        left = deadline - monotonic()
        if left <= 0:
            raise RefusedError("timeout")
        connection = _connection(target, address, left)
        watchdog = threading.Timer(left, _cut, (connection,))
        watchdog.daemon = True
        watchdog.start()
        try:
            sent = {"Host": target.authority, **_HEADERS, **tracing.outgoing()}
            connection.request("GET", target.path, headers=sent, preload_content=False)
            with closing(connection.getresponse()) as response:
                return _answer(response, deadline)
        except (HTTPError, OSError, ValueError) as error:
            raise RefusedError("timeout" if monotonic() >= deadline else "unreachable") from error
        finally:
            watchdog.cancel()
            connection.close()


def _connection(target: Target, address: str, seconds: float) -> HTTPConnection:
    """Return a connection to the very address that was checked; TLS still asks for, and proves, the host's name."""
    if target.scheme == "http":
        return HTTPConnection(address, target.port, timeout=seconds)
    return HTTPSConnection(
        address,
        target.port,
        timeout=seconds,
        cert_reqs="CERT_REQUIRED",
        server_hostname=target.host,
        assert_hostname=target.host,
    )


def _cut(connection: HTTPConnection) -> None:
    """End a connection from outside: a server that drips bytes keeps every read alive, but not this."""
    link: Any = connection.sock
    with suppress(OSError):  # it is already gone
        if link is not None:
            link.shutdown(socket.SHUT_RDWR)


def _answer(response: BaseHTTPResponse, deadline: float) -> bytes | str:
    if response.status in _REDIRECTS and response.headers.get("Location"):
        return str(response.headers["Location"])
    if response.status != 200:  # noqa: PLR2004 (OK)
        raise RefusedError("status")
    if int(response.headers.get("Content-Length") or 0) > MAX_BYTES:
        raise RefusedError("size")
    return _body(response, deadline)


def _body(response: BaseHTTPResponse, deadline: float) -> bytes:
    body = bytearray()
    while chunk := response.read1(_CHUNK):
        body += chunk
        if len(body) > MAX_BYTES:
            raise RefusedError("size")
        if monotonic() >= deadline:
            raise RefusedError("timeout")
    if monotonic() >= deadline:
        raise RefusedError("timeout")
    return bytes(body)
