"""What is refused before any work is answered like all else: under the client's id, readable by its website, logged."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import closing, contextmanager
from http.client import HTTPConnection

import pytest
from apiflask import APIFlask
from servers.process import free_port
from story.processes import start, until_ready

from shared.config import Settings
from shared.web.server import HttpServer

OURS, FOREIGN = "https://shop.example", "https://elsewhere.example"
NARROW = {"web_working": 1, "web_waiting": 0, "cors_origins": OURS}
UNFINISHED = b"POST /v1/purchases HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"


@contextmanager
def gunicorn(tmp_path):
    """A service whose only place is taken by a body that never ends."""
    port, operations = free_port(), free_port()
    process = start("services.ingest", data=tmp_path, port=port, operations_port=operations, **NARROW)
    try:
        until_ready(operations)
        with socket.create_connection(("127.0.0.1", port)) as holding:
            holding.sendall(UNFINISHED)
            yield port
    finally:
        process.terminate()
        process.communicate()


@contextmanager
def waitress(tmp_path):
    """A server whose only place is taken by a request that takes its time."""
    app, begun, over = APIFlask(__name__), threading.Event(), threading.Event()

    @app.get("/hold")
    def hold():
        begun.set()
        over.wait(60)
        return {}

    server = HttpServer(app, Settings(data=tmp_path, port=0, **NARROW))
    server.start()
    port = int(server.url.rpartition(":")[2])
    try:
        with socket.create_connection(("127.0.0.1", port)) as holding:
            holding.sendall(b"GET /hold HTTP/1.1\r\nHost: a\r\n\r\n")
            assert begun.wait(20)
            yield port
    finally:
        over.set()
        server.drain()


def asked(port, **headers):
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/v1/users", headers=headers)
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    return answer, body


def preflight(port, **headers):
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("OPTIONS", "/v1/users", headers=headers)
        answer = connection.getresponse()
        answer.read()
        return answer


def refused(port, **headers):
    """Return the first refusal: the one that holds the place may only just be coming in."""
    for _ in range(200):
        answer, body = asked(port, **headers)
        if answer.status == 503:
            return answer, body
    raise AssertionError("nothing was refused")


@pytest.mark.parametrize("server", [gunicorn, waitress])
def test_a_refusal_is_readable_by_a_named_website_under_the_clients_own_id(server, tmp_path):
    with server(tmp_path) as port:
        answer, body = refused(port, Origin=OURS, **{"X-Request-Id": "mine-1"})
        assert ("mine-1", "mine-1") == (answer.headers["X-Request-Id"], body["trace_id"])
        assert OURS == answer.headers["Access-Control-Allow-Origin"]
        assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]
        assert 0 < int(answer.headers["Retry-After"]) < 10
        other, told = refused(port, Origin=FOREIGN, **{"X-Request-Id": "no id at all"})
        assert other.headers["Access-Control-Allow-Origin"] is None
        assert ("Origin", 32) == (other.headers["Vary"], len(told["trace_id"]))


@pytest.mark.parametrize("server", [gunicorn, waitress])
def test_a_browser_that_asks_whether_a_website_may_send_is_answered_though_requests_are_refused(server, tmp_path):
    asks = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization"}
    with server(tmp_path) as port:
        refused(port)
        told = preflight(port, Origin=OURS, **asks)
        assert (204, OURS) == (told.status, told.headers["Access-Control-Allow-Origin"])
        assert "PUT" in told.headers["Access-Control-Allow-Methods"]
        assert "Authorization" in told.headers["Access-Control-Allow-Headers"]
        assert 503 == preflight(port, Origin=FOREIGN, **asks).status
        assert 503 == preflight(port, Origin=OURS).status


def test_a_refusal_is_logged_under_its_id(tmp_path, capsys):
    with waitress(tmp_path) as port:
        for number in range(50):
            refused(port, **{"X-Request-Id": f"mine-{number}"})
    lines = [line for line in capsys.readouterr().out.splitlines() if "mine-" in line]
    assert 0 < len(lines) < 50, "the loop that refuses must not wait for a log that nobody reads"
    assert all(word in lines[0] for word in ("request.refused", "mine-0", "status=503", "reason=read"))
