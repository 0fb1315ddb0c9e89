"""The operations port tells the truth about life, readiness and measurements."""

import json
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest

from shared.alive import alive
from shared.config import Settings
from shared.errors import UnavailableError
from shared.operations import door, operations


@contextmanager
def opened(alive_checks=None, ready_checks=None):
    with operations(door(Settings(operations_port=0)), alive_checks or {}, ready_checks or {}) as port:
        yield port


def get(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


def test_a_service_that_lacks_something_is_alive_but_not_ready_and_says_what():
    with opened(ready_checks={"bus": lambda: "topic x is missing", "graph": lambda: None}) as port:
        assert get(port, "/livez")[0] == 200
        status, body = get(port, "/readyz")
    assert status == 503
    assert json.loads(body) == {"status": "not ready", "checks": {"bus": "topic x is missing", "graph": "ok"}}


def test_it_is_ready_as_soon_as_nothing_is_missing():
    lacking = ["the graph is being rebuilt"]
    with opened(ready_checks={"graph": lambda: lacking[0] if lacking else None}) as port:
        assert get(port, "/readyz")[0] == 503
        lacking.clear()
        assert get(port, "/readyz")[0] == 200


def test_a_stuck_consumer_is_not_alive():
    with opened(alive_checks={"consumer": lambda: "no progress for 61 s"}) as port:
        assert get(port, "/livez")[0] == 503
        assert not alive(port)


def test_the_container_finds_itself_alive_and_dead_once_it_is_gone():
    with opened() as port:
        assert alive(port)
    assert not alive(port, seconds=0.5)


def test_metrics_are_served_and_nothing_else():
    with opened() as port:
        status, body = get(port, "/metrics")
        assert get(port, "/v1/users/u1")[0] == 404
    assert status == 200
    assert "tastegraph_" in body or "python_info" in body


def test_a_port_in_use_is_said_in_one_line():
    with opened() as port, pytest.raises(UnavailableError, match=f"cannot listen on 127.0.0.1:{port}"):
        door(Settings(operations_port=port))


def test_readiness_shows_how_the_breakers_stand():
    with (
        operations(door(Settings(operations_port=0)), {}, {}, lambda: {"history": "open"}) as port,
        urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer,
    ):
        told = json.loads(answer.read())
    assert ("ready", {"history": "open"}) == (told["status"], told["breakers"])
