"""The door of an HTTP server told to end: who has come in is answered, and nobody comes in to be turned away."""

from __future__ import annotations

import socket
import sys
import time

import pytest
from apiflask import APIFlask

from shared.config import Settings
from shared.web.door import bar
from shared.web.server import HttpServer

REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux can bar a listening socket")


@pytest.fixture
def server():
    app = APIFlask(__name__)
    app.get("/")(lambda: "served")
    running = HttpServer(app, Settings(port=0))
    running.start()
    yield running
    if not running.draining:
        running.drain(5)


def knock(address: tuple[str, int], seconds: float = 0.3) -> socket.socket | None:
    """Return a connection, or none if the door stays shut."""
    try:
        return socket.create_connection(address, timeout=seconds)
    except (TimeoutError, ConnectionRefusedError):
        return None


def test_nobody_gets_in_between_the_last_look_at_the_door_and_its_closing(server, monkeypatch):
    inner = server._server
    address, look, late = inner.socket.getsockname(), inner.handle_accept, []

    def look_and_then_hear_a_knock() -> None:
        look()
        if server.draining:
            late.append(knock(address))

    monkeypatch.setattr(inner, "handle_accept", look_and_then_hear_a_knock)
    server.drain(5)

    assert late
    assert not any(late), "a connection that was let in then would be reset"


def test_who_stands_at_the_door_when_it_is_barred_is_answered(server, monkeypatch):
    inner = server._server
    monkeypatch.setattr(inner, "accepting", False)  # nobody opens, as when the server is busy
    waiting = knock(inner.socket.getsockname())
    waiting.sendall(REQUEST)
    server.drain(5)

    with waiting:
        answer = waiting.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"served")


def test_a_server_whose_thread_ends_slowly_is_drained_all_the_same(server, monkeypatch):
    close, closed = server._close_the_idle, []

    def close_and_take_long() -> None:
        close()
        closed.append(not server._server.active_channels)
        time.sleep(0.3)

    monkeypatch.setattr(server, "_close_the_idle", close_and_take_long)
    server.drain(5)

    assert [True] == closed
    assert not server._thread.is_alive()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_barred_socket_takes_nobody_new_and_serves_who_is_in(host):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        address = listener.getsockname()[:2]
        with knock(address) as inside:
            assert bar(listener)
            assert knock(address) is None
            outside, _ = listener.accept()
            with outside:
                inside.sendall(b"still heard")
                assert b"still heard" == outside.recv(100)
