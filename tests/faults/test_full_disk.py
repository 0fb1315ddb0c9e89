"""A disk that fills up under a server: what is acknowledged is kept, the rest refused plainly, and it recovers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Give a directory on a disk of a megabyte."""
    disk = tmp_path / "small"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True, check=False
    ).returncode:
        pytest.skip("mounting a small disk needs the right to mount")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def run(*words: str | Path, **settings: str) -> subprocess.Popen[str]:
    given = os.environ | {f"TASTEGRAPH_{name.upper()}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "services", *map(str, words)]
    return subprocess.Popen(command, cwd=ROOT, env=given, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


class Client:
    """Posts purchases, fat ones, and notes which were acknowledged."""

    def __init__(self, port: int, key: str) -> None:
        self.port, self.key, self.number = port, key, 0
        self.accepted: list[str] = []

    def send(self) -> tuple[int, dict, dict]:
        self.number += 1
        names = [f"{self.number} {at} " + "x" * 480 for at in range(40)]
        lines = [
            {"product_id": f"p{at}", "quantity": 1, "unit_price": 1, "name": name} for at, name in enumerate(names)
        ]
        item = {"purchase_id": f"b{self.number}", "user_id": "ann", "purchased_at": "2026-05-03T10:00:00Z"}
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        connection.request("POST", "/v1/purchases", json.dumps({**item, "currency": "EUR", "lines": lines}), headers)
        answer = connection.getresponse()
        body = json.loads(answer.read())
        connection.close()
        if answer.status == 202:
            self.accepted.append(item["purchase_id"])
        return answer.status, body, dict(answer.headers)

    def until(self, status: int) -> tuple[int, dict, dict]:
        deadline = time.monotonic() + PATIENCE
        while (answer := self.send())[0] != status:
            assert time.monotonic() < deadline, answer
            time.sleep(0.02)
        return answer


def key_of(data: Path, **settings: str) -> str:
    words = ("keys", "create", "--data", data, "--shop", "s", "--scope", "events:write")
    return run(*words, **settings).communicate(timeout=PATIENCE)[0].strip()


def kept(data: Path, **settings: str) -> tuple[bool, list[str]]:
    """Return whether the graph equals the ledger, and the purchases that an offered repeat finds known."""
    told, said = run("graph", "verify", "--data", data, "--json", **settings).communicate(timeout=PATIENCE)
    assert told, said
    words = ("export", "trends", "--data", data, "--shop", "s", "--out", data / "out", "--json")
    run(*words, **settings).communicate(timeout=PATIENCE)
    return json.loads(told)["equal"], (data / "out" / "trends.csv").read_text().splitlines()[1:]


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize(("engine", "refuses"), [("bus", True), ("history", False)])
def test_a_full_disk_loses_nothing_that_was_acknowledged_and_ends_with_the_shortage(tmp_path, small, engine, refuses):
    data, settings = tmp_path / "data", {f"{engine}_url": f"file:{small}"}
    server = run("serve", "--data", data, "--port", "0", **settings)
    try:
        port = int(server.stdout.readline().rpartition(":")[2])
        client = Client(port, key_of(data, **settings))
        if refuses:
            _, problem, headers = client.until(503)
            assert ("/problems/unavailable", True) == (problem["type"], int(headers["Retry-After"]) > 0)
            assert str(small) not in json.dumps(problem)
        else:
            assert {202} == {client.send()[0] for _ in range(80)}  # the log takes what the ledger must wait for
        subprocess.run(["mount", "-o", "remount,size=64m", small], check=True)
        client.until(202)
        server.send_signal(signal.SIGTERM)
        _, said = server.communicate(timeout=25)
    finally:
        server.kill()
    equal, [month] = kept(data, **settings)

    assert (0, True, False) == (server.returncode, equal, "Traceback" in said)
    assert str(len(client.accepted)) == month.split(",")[2]
