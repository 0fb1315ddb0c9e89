"""The HTTP services as gunicorn serves them: several processes act as one, and nobody can hold them up."""

from __future__ import annotations

import json
import socket
import time
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from servers.process import free_port
from story.processes import Shopper, ended, start, until_ready

from shared.auth import create_key
from shared.bus.dispatch import each
from shared.bus.kafka import KafkaBus
from shared.bus.kafka_cluster import cluster
from shared.bus.kafka_topics import Administration
from shared.clock import SystemClock
from shared.config import Settings
from shared.contracts.topics import COMMERCE, EMAIL_REQUESTS
from shared.engines import open_history
from shared.errors import NotFoundError
from shared.replies import refuse


@contextmanager
def alone(name, **settings):
    """Run a service; what was not ended is killed."""
    ports = {"port": free_port(), "operations_port": free_port()}
    process = start(f"services.{name}", **ports, **settings)
    try:
        until_ready(ports["operations_port"])
        yield process, ports["port"], ports["operations_port"]
    finally:
        process.kill()
        process.communicate()


def metrics(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return answer.read().decode()


def counted(port, name, *labels):
    found = [
        line for line in metrics(port).splitlines() if line.startswith(name) and all(one in line for one in labels)
    ]
    return sum(float(line.rpartition(" ")[2]) for line in found)


@pytest.fixture
def shared_engines(kafka_url, mongodb_url, redis_url):
    """Engines that several processes can share, with a log and a history of their own; and a key."""
    settings = {
        "bus_url": f"{kafka_url}/{uuid.uuid4().hex[:8]}.",
        "history_url": urlsplit(mongodb_url)._replace(path=f"/alone-{uuid.uuid4().hex[:8]}").geturl(),
        "counters_url": redis_url,
        "knowledge_url": "bolt://127.0.0.1:1",
        "objects_url": "s3://a:b@127.0.0.1:1/none?insecure=true",
    }
    topics = Administration(cluster(Settings(**settings)))
    topics.apply()
    bus = KafkaBus(cluster(Settings(**settings)))
    history = open_history(Settings(**settings))
    key, _ = create_key(history, "s", ("admin", "events:write"), "test", SystemClock())
    history.close()
    yield settings, bus, key
    bus.close()  # before the topics go: a consumer whose topics vanish dies loudly
    topics.remove()
    topics.close()


@pytest.mark.slow
@pytest.mark.servers
@pytest.mark.parametrize("keep_alive", [True, False])
def test_two_processes_count_as_one_and_end_under_load_without_failing_a_request(shared_engines, keep_alive):
    settings, bus, key = shared_engines
    with alone("ingest", web_workers=2, **settings) as (process, port, operations):
        shoppers = [Shopper(port, key, first * 100_000, keep_alive=keep_alive) for first in range(6)]
        for shopper in shoppers[:-1]:
            shopper.start()
        time.sleep(1.0)
        shoppers[-1].start()
        before = counted(operations, "tastegraph_http_request_seconds_count", "/v1/purchases", "202")
        told = time.monotonic()
        code, _, said = ended(process)
        took = time.monotonic() - told
        for shopper in shoppers:
            shopper.join(20)
    accepted = sum(len(shopper.accepted) for shopper in shoppers)
    held = sum(end.offset for topic in COMMERCE for end in bus.ends(topic))

    assert (0, []) == (code, [one for shopper in shoppers for one in shopper.failed]), said[-2000:]
    assert took < 25
    assert 0 < before <= accepted == held


@pytest.mark.slow
@pytest.mark.servers
def test_every_process_of_a_gateway_hears_the_replies_to_what_it_asked(shared_engines):
    settings, bus, key = shared_engines

    def refused(envelope):
        refuse(envelope, NotFoundError("nobody"), bus, SystemClock(), kind="email")

    bus.subscribe("email", [EMAIL_REQUESTS], each(refused, bus=bus, group="email"))
    with alone("gateway", web_workers=2, reply_wait_seconds=8, **settings) as (process, port, _):

        def ask(number):
            connection = HTTPConnection("127.0.0.1", port, timeout=20)
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", "Connection": "close"}
            connection.request("POST", "/v1/emails", json.dumps({"user_id": f"u{number}"}), headers)
            return json.loads(connection.getresponse().read()).get("detail")

        with ThreadPoolExecutor(8) as asking:
            answers = list(asking.map(ask, range(24)))
        code, _, _ = ended(process)

    assert ["nobody"] * 24 == answers
    assert 0 == code


@pytest.fixture(scope="module")
def narrow(tmp_path_factory):
    """An intake with two threads, which waits a second for a request to come in."""
    data = tmp_path_factory.mktemp("narrow")
    with alone("ingest", data=data, web_threads=2, receive_seconds=1, log_format="json") as (process, port, operations):
        yield process, port, operations


def raw(port, sent):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(sent)
        return connection.makefile("rb").read()


SLOW = {
    "header": b"POST /v1/purchases HTTP/1.1\r\nHost: a\r\nX-Slow: ",
    "body": b"POST /v1/purchases HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{",
    "chunks": b"POST /v1/purchases HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
}


@pytest.mark.parametrize("part", SLOW)
def test_clients_that_never_finish_a_request_hold_no_thread_for_long(narrow, part):
    _, port, _ = narrow
    slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(6)]
    for client in slow:
        client.sendall(SLOW[part])
    time.sleep(0.2)
    begun = time.monotonic()
    answer = raw(port, b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    took = time.monotonic() - begun
    for client in slow:
        client.close()

    assert answer.startswith(b"HTTP/1.1 200")
    assert took < 10


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /livez?" + b"secret" * 2000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET /livez HTTP/1.1\r\nHost: a\r\nX-A: " + b"secret" * 2000 + b"\r\n\r\n", 431),
        (b"GET /livez HTTP/1.1\r\nHost: a\r\n" + b"X-A: secret\r\n" * 80 + b"\r\n", 431),
        (b"GET /secret\r\n\r\n", 400),
        (b"POST /v1/purchases HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: secret\r\n\r\n", 501),
    ],
)
def test_what_cannot_be_read_is_answered_with_a_problem_that_repeats_nothing(narrow, sent, status):
    _, port, _ = narrow
    head, _, body = raw(port, sent).partition(b"\r\n\r\n")

    assert f"HTTP/1.1 {status} ".encode() in head
    assert b"application/problem+json" in head
    assert status == json.loads(body)["status"]
    assert b"secret" not in head + body


def test_the_log_tells_of_requests_by_their_route_and_holds_nothing_that_was_sent(tmp_path):
    with alone("ingest", data=tmp_path, log_format="json") as (process, port, _):
        raw(port, b"GET /v1/very-secret?token=very-secret HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        raw(port, b"GET /very-secret\r\n\r\n")
        code, _, said = ended(process)
    lines = [json.loads(line) for line in said.splitlines()]

    assert 0 == code
    assert {"request", "request.refused"} <= {line["event"] for line in lines}
    assert "secret" not in said
    assert "127.0.0.1" not in said


@pytest.mark.slow
def test_a_service_that_is_killed_leaves_its_ports_to_the_next_one_at_once(tmp_path):
    with alone("ingest", data=tmp_path) as (first, port, operations):
        with socket.create_connection(("127.0.0.1", port)) as kept:
            kept.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
            assert kept.recv(12) == b"HTTP/1.1 200"
            first.kill()
            first.wait()
            time.sleep(0.2)
            second = start("services.ingest", data=tmp_path, port=port, operations_port=operations)
            until_ready(operations)
        code, _, said = ended(second)

    assert (0, False) == (code, "Traceback" in said)
