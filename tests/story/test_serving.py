"""Serving as an operator meets it: a process that says when it is ready, shares its directory, and ends on request."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PURCHASE = {
    "purchase_id": "b1",
    "user_id": "anna",
    "purchased_at": "2026-01-02T10:00:00Z",
    "currency": "EUR",
    "lines": [{"product_id": "p1", "quantity": 1, "unit_price": "2.50", "name": "Bread", "categories": ["Food"]}],
}


def start(*words: str | Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "services", *map(str, words)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "services", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def call(url: str, key: str = "", body: dict | None = None) -> tuple[int, dict]:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers)  # noqa: S310 (the server under test)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 (as above)
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def ready(server: subprocess.Popen[str]) -> str:
    word, _, url = server.stdout.readline().strip().partition(" ")
    assert "ready" == word
    return url


def end(server: subprocess.Popen[str]) -> int:
    server.send_signal(signal.SIGTERM)
    with server:
        return server.wait(timeout=30)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Give the data directory and the address of a server."""
    data = tmp_path_factory.mktemp("served") / "data"
    server = start("serve", "--data", data, "--port", "0")
    try:
        yield data, ready(server)
    finally:
        end(server)


def test_a_server_that_says_it_is_ready_is(served):
    assert 200 == call(f"{served[1]}/readyz")[0]


def test_a_purchase_shows_within_a_second_with_a_key_made_beside_the_server(served):
    data, url = served
    scopes = ("--scope", "events:write", "--scope", "profiles:read")
    made = run("keys", "create", "--data", data, "--shop", "s", *scopes)
    (key,) = made.stdout.split()
    assert 0 == made.returncode

    status, told = call(f"{url}/v1/purchases", key, PURCHASE)
    accepted = time.monotonic()
    while (seen := call(f"{url}/v1/users/anna", key)[0]) != 200 and time.monotonic() < accepted + 1:
        time.sleep(0.02)

    assert status in {200, 201, 202}, told
    assert 200 == seen


def test_without_a_key_nothing_is_told(served):
    assert 401 == call(f"{served[1]}/v1/users/anna")[0]


def test_a_second_server_on_the_directory_is_refused_in_one_line(served):
    data, url = served
    second = run("serve", "--data", data, "--port", "0")
    assert (1, "") == (second.returncode, second.stdout)
    (line,) = second.stderr.splitlines()
    assert "in use by process" in line
    assert url in line


def test_a_port_in_use_is_refused_in_one_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = run("serve", "--data", tmp_path / "data", "--port", str(port), "--host", "127.0.0.1")
    assert (1, "") == (refused.returncode, refused.stdout)
    (line,) = refused.stderr.splitlines()
    assert f"127.0.0.1:{port}" in line


@pytest.mark.slow
def test_a_server_told_to_end_ends_well_and_lets_the_directory_go(tmp_path):
    data = tmp_path / "data"
    server = start("serve", "--data", data, "--port", "0")
    ready(server)
    assert 0 == end(server)
    assert not (data / "owner.json").exists()
    assert 0 == run("graph", "verify", "--data", data).returncode
