"""Processes as an operator starts and ends them, and shoppers who keep them busy."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path

ROOT = Path(__file__).parents[2]


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


def get(url: str) -> tuple[int, str]:
    """Return the status of an answer, or 0, and what was said."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 (the service under test)
            return int(answer.status), answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def until_ready(port: int, seconds: float = 60) -> None:
    """Wait for a service alone; after `seconds` tell what it lacks."""
    deadline = time.monotonic() + seconds
    while (told := get(f"http://127.0.0.1:{port}/readyz"))[0] != HTTPStatus.OK:
        assert time.monotonic() < deadline, told
        time.sleep(0.05)


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
            number = next(self.numbers)
            try:
                connection.request(*self.asked(number), self.headers())
                answer = connection.getresponse()
                told = answer.read()
            except OSError as error:
                self.failed.append(f"b{number}: {error!r}")
                return
            if answer.status in self.good:
                self.accepted.append(f"b{number}")
            else:
                self.failed.append(f"b{number}: {answer.status} {told[:300]!r}")

    good = frozenset({202})

    def asked(self, number: int) -> tuple[str, str, str | None]:
        return "POST", "/v1/purchases", json.dumps(purchase(number))

    def headers(self) -> dict[str, str]:
        kept = {} if self.keep_alive else {"Connection": "close"}
        return {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json", **kept}


class Reader(Shopper):
    """Reads what is known of people instead."""

    good = frozenset({200, 404})

    def asked(self, number: int) -> tuple[str, str, str | None]:
        return "GET", f"/v1/users/u{number % 5}", None
