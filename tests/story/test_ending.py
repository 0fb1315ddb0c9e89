"""Processes that are told to end: what is in hand is finished, the exit status is 0, and what cannot start says why."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from http.client import HTTPConnection
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALONE = ("ingest", "graph", "email", "visionboard", "gateway")


def start(module: str, *words: str | Path, **settings: str | Path) -> subprocess.Popen[str]:
    given = {"operations_port": "0", "port": "0", "signing_key": "k" * 40, **settings}
    environment = os.environ | {f"TASTEGRAPH_{name.upper()}": str(value) for name, value in given.items()}
    command = [sys.executable, "-m", module, *map(str, words)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=ROOT, env=environment, text=True, **pipes)


def ended(process: subprocess.Popen[str], *, told: bool = True) -> tuple[int, str, str]:
    if told:
        process.send_signal(signal.SIGTERM)
    out, said = process.communicate(timeout=25)
    return process.returncode, out, said


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def get(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 (the service under test)
            return int(answer.status)
    except OSError:
        return 0


def until_ready(port: int) -> None:
    deadline = time.monotonic() + 30
    while get(f"http://127.0.0.1:{port}/readyz") != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("name", ALONE)
def test_a_service_alone_is_ready_and_ends_well_when_told_to(tmp_path, name):
    port = free_port()
    process = start(f"services.{name}", data=tmp_path, operations_port=str(port))
    until_ready(port)
    code, _, said = ended(process)

    assert (0, False) == (code, "Traceback" in said)


@pytest.mark.parametrize("name", ["ingest", "graph"])
@pytest.mark.parametrize(
    ("settings", "status", "word"),
    [
        ({"port": "many"}, 2, "TASTEGRAPH_PORT"),
        ({"bus_url": "pigeon:"}, 2, "pigeon"),
        ({"data": "/proc/none"}, 1, "/proc/none"),
    ],
)
def test_what_cannot_start_says_so_in_one_line(tmp_path, name, settings, status, word):
    code, out, said = ended(start(f"services.{name}", **{"data": tmp_path, **settings}), told=False)

    assert (status, "") == (code, out)
    assert [True] == [word in line for line in said.splitlines()]


@pytest.mark.parametrize("setting", ["port", "operations_port"])
def test_a_service_alone_whose_port_is_in_use_says_so_in_one_line(tmp_path, setting):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, out, said = ended(start("services.ingest", data=tmp_path, **{setting: port}), told=False)

    assert (1, "") == (code, out)
    assert [True] == [port in line for line in said.splitlines()]


def test_a_bad_setting_is_wrong_use_of_the_command_line_too(tmp_path):
    code, _, said = ended(start("services", "keys", "list", "--data", tmp_path, graph_batch="0"), told=False)

    assert 2 == code
    assert re.fullmatch(r"tastegraph: TASTEGRAPH_GRAPH_BATCH: .*\n", said)


def purchase(number: int) -> dict:
    line = {"product_id": f"p{number % 7}", "quantity": 1, "unit_price": "2.50"}
    head = {"purchase_id": f"b{number}", "user_id": f"u{number % 5}", "purchased_at": "2026-01-02T10:00:00Z"}
    return {**head, "currency": "EUR", "lines": [line]}


class Shopper(threading.Thread):
    """Sends purchases, as fast as they are answered, until the door is closed; notes what became of each."""

    def __init__(self, port: int, key: str, first: int, *, keep_alive: bool) -> None:
        super().__init__()
        self.port, self.key, self.numbers, self.keep_alive = port, key, iter(range(first, first + 100_000)), keep_alive
        self.accepted: list[str] = []
        self.failed: list[str] = []

    def run(self) -> None:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        while True:
            try:
                connection.connect() if connection.sock is None else None
            except OSError:
                return  # the door is closed, nothing was sent
            item = purchase(next(self.numbers))
            try:
                connection.request("POST", "/v1/purchases", json.dumps(item), self.headers())
                answer = connection.getresponse()
                answer.read()
            except OSError as error:
                self.failed.append(f"{item['purchase_id']}: {error!r}")
                return
            (self.accepted if answer.status == 202 else self.failed).append(item["purchase_id"])

    def headers(self) -> dict[str, str]:
        kept = {} if self.keep_alive else {"Connection": "close"}
        return {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json", **kept}


@pytest.mark.parametrize("keep_alive", [True, False])
def test_no_request_in_hand_fails_when_the_server_is_told_to_end(tmp_path, keep_alive):
    server = start("services", "serve", "--data", tmp_path / "data")
    port = int(server.stdout.readline().rpartition(":")[2])
    scopes = ("--scope", "events:write")
    key, _ = start("services", "keys", "create", "--data", tmp_path / "data", "--shop", "s", *scopes).communicate()
    shoppers = [Shopper(port, key.strip(), first * 100_000, keep_alive=keep_alive) for first in range(6)]
    for shopper in shoppers:
        shopper.start()
    time.sleep(1.0)
    code, _, said = ended(server)
    for shopper in shoppers:
        shopper.join(20)
    told, _ = start("services", "graph", "verify", "--data", tmp_path / "data", "--json").communicate(timeout=60)
    history = (tmp_path / "data" / "history.db").read_bytes()

    assert (0, []) == (code, [each for shopper in shoppers for each in shopper.failed]), said[-2000:]
    assert all(shopper.accepted for shopper in shoppers)
    assert json.loads(told)["equal"]
    assert all(id.encode() in history for shopper in shoppers for id in shopper.accepted)
