"""Personal data and secrets put into every field: none of it in a log line, an error body or a dead letter's reason."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest

from shared.bus.port import Message
from shared.bus.sqlite import SqliteBus
from shared.contracts.topics import PURCHASES, USERS

ROOT = Path(__file__).parents[2]
CANARY = "canary4711"
MAIL = f"{CANARY}@mail.example"


def run(*words: str | Path) -> subprocess.Popen[str]:
    settings = {"TASTEGRAPH_LOG_LEVEL": "debug", "TASTEGRAPH_LOG_FORMAT": "json"}
    command = [sys.executable, "-m", "services", *map(str, words)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=ROOT, env=os.environ | settings, text=True, **pipes)


def requests() -> list[tuple[str, str, bytes, dict[str, str]]]:
    """Return method, path, body and further headers of what a careless client sends."""
    line = {"product_id": CANARY, "quantity": 1, "unit_price": "2.50", "name": MAIL, "brand": CANARY}
    purchase = {"purchase_id": CANARY, "user_id": MAIL, "purchased_at": "2026-05-03T10:00:00Z", "currency": "EUR"}
    user = {"user_id": MAIL, "contact": {"email": MAIL, "first_name": CANARY}, "traits": {CANARY: CANARY}}
    bodies = [
        ("/v1/purchases", {**purchase, "lines": [line]}),
        ("/v1/purchases", {**purchase, "lines": [line, line]}),
        (
            "/v1/purchases",
            {**purchase, "currency": CANARY, "purchased_at": CANARY, "lines": [{**line, "quantity": CANARY}]},
        ),
        ("/v1/users", user),
        ("/v1/users", {**user, "locale": CANARY, "consent": CANARY}),
        ("/v1/interests", {"user_id": MAIL, "name": CANARY}),
        ("/v1/track", {"event": CANARY, "userId": MAIL}),
        ("/v1/emails", {"user_id": MAIL}),
        ("/v1/boards", {"user_id": MAIL, "layout": CANARY}),
    ]
    posted = [("POST", path, json.dumps(body).encode(), {}) for path, body in bodies]
    return [
        *posted,
        ("POST", "/v1/purchases", f'{{"{CANARY}": '.encode(), {}),
        ("GET", f"/v1/users/{MAIL}", b"", {}),
        ("GET", f"/v1/users/{CANARY}/recommendations?at={CANARY}&limit={CANARY}", b"", {}),
        ("GET", f"/v1/{CANARY}?q={CANARY}", b"", {}),
        ("GET", "/v1/users", b"", {"Authorization": f"Bearer tg_test_{CANARY}", "Cookie": CANARY, "Referer": CANARY}),
        ("GET", f"/v1/unsubscribe/{CANARY}", b"", {}),
    ]


def poison(data: Path) -> None:
    """Publish what no consumer can take, as a careless producer beside us would."""
    bus = SqliteBus(data / "bus.db")
    broken = {
        "specversion": "1.0",
        "id": "1",
        "type": "com.tastegraph.user.updated.v1",
        "source": "/shops/s/user.updated",
    }
    bad_data = {**broken, "data": {"user_id": MAIL, "contact": {"email": [MAIL]}, "updated_at": CANARY}}
    bus.publish(
        [
            Message(PURCHASES, b"s|x", f"{CANARY} no json".encode()),
            Message(USERS, b"s|x", json.dumps(bad_data).encode()),
        ]
    )
    bus.close()


def exchange(port: int, key: str) -> list[str]:
    errors = []
    for method, path, body, headers in requests():
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        given = {"Authorization": f"Bearer {key}", **({"Content-Type": "application/json"} if body else {}), **headers}
        connection.request(method, path, body or None, given)
        answer = connection.getresponse()
        told = answer.read().decode()
        connection.close()
        assert answer.status < 500, (path, told)
        if answer.status >= 400:
            errors.append(told)
    return errors


@pytest.mark.slow
def test_no_canary_leaves_by_a_log_an_error_or_a_dead_letters_reason(tmp_path):
    server = run("serve", "--data", tmp_path / "data", "--port", "0")
    try:
        port = int(server.stdout.readline().rpartition(":")[2])
        made = run("keys", "create", "--data", tmp_path / "data", "--shop", "s", "--scope", "admin")
        key = made.communicate(timeout=60)[0].strip()
        errors = exchange(port, key)
        poison(tmp_path / "data")
        listed, deadline = "", time.monotonic() + 30
        while listed.count("\n") < 2 and time.monotonic() < deadline:
            listed = run("deadletters", "list", "--data", tmp_path / "data").communicate(timeout=60)[0]
        server.send_signal(signal.SIGTERM)
        _, log = server.communicate(timeout=25)
    finally:
        server.kill()

    assert (2, True) == (listed.count("\n"), len(errors) >= 8)
    assert [] == [told for told in [*errors, *listed.splitlines(), *log.splitlines()] if CANARY in told]
    assert key not in log
    assert '"event": "request"' in log
    assert stored(tmp_path / "data")


def stored(data: Path) -> bool:
    """Say whether the canaries did arrive: else their absence elsewhere would say nothing."""
    history = sqlite3.connect(data / "history.db")
    found = history.execute("SELECT count(*) FROM ledger WHERE CAST(data AS TEXT) LIKE ?", [f"%{MAIL}%"]).fetchone()
    history.close()
    return found[0] >= 3
