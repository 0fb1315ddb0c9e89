"""Processes that are told to end: what is in hand is finished, the exit status is 0, and what cannot start says why."""

from __future__ import annotations

import json
import re
import socket
import time

import pytest
from servers.process import free_port
from story.processes import Shopper, ended, start, until_ready

ALONE = ("ingest", "graph", "email", "visionboard", "gateway")


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


@pytest.mark.slow
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
