"""Hundreds of clients that never finish hold nobody up: whoever asks how the service is hears it within a second."""

from __future__ import annotations

import resource
import socket
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from servers.process import free_port
from story.processes import start, until_ready

MANY = 300
FEW = 100  # descriptors
SLOW = {
    "nothing": b"",
    "header": b"POST /v1/purchases HTTP/1.1\r\nHost: a\r\nX-Slow: ",
    "body": b"POST /v1/purchases HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{",
    "long body": b"POST /v1/purchases HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n{",
    "chunks": b"POST /v1/purchases HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
    "reader": b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n",
}


@pytest.fixture(scope="module", params=["gunicorn", "waitress"])
def service(request, tmp_path_factory):
    """The port of a service with few threads, and of all services in one process."""
    data, port, operations = tmp_path_factory.mktemp("slow"), free_port(), free_port()
    if request.param == "gunicorn":
        process = start("services.ingest", data=data, port=port, operations_port=operations, web_threads=4)
        until_ready(operations)
    else:
        process = start("services", "serve", "--data", data, "--port", str(port))
        until_ready(port)
    yield port
    process.kill()
    process.communicate()


@contextmanager
def slow_clients(port, sent):
    with ExitStack() as stack:
        for _ in range(MANY):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", port))
            client.sendall(sent)
        yield


def asked(port):
    """How long the answer to /livez takes."""
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert connection.makefile("rb").read().startswith(b"HTTP/1.1 200")
    return time.monotonic() - begun


def children(pid):
    return map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


@pytest.mark.parametrize("part", SLOW)
def test_clients_that_never_finish_let_others_be_answered_within_a_second(service, part):
    with slow_clients(service, SLOW[part]):
        time.sleep(3 if part == "reader" else 0.3)  # until the answers are made: nobody reads them
        took = [asked(service) for _ in range(5)]

    assert max(took) < 1


def test_a_process_with_too_few_descriptors_serves_again_once_there_are_some(tmp_path):
    port, operations = free_port(), free_port()
    process = start("services.ingest", data=tmp_path, port=port, operations_port=operations)
    until_ready(operations)
    for pid in (process.pid, *children(process.pid)):
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (FEW, FEW))
    try:
        with slow_clients(port, SLOW["header"]):
            time.sleep(1)
        assert asked(port) < 5
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()
