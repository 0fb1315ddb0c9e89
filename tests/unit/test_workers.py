"""Processes that share a port: they are ready together, and hear late clients no further."""

import os
import selectors
import socket
import time

import pytest
from gunicorn.config import Config
from gunicorn.sock import TCPSocket

from shared.config import Settings
from shared.web.alone import options, workers
from shared.web.receiving import Deadlines
from shared.web.roster import Roster
from shared.web.worker import Worker

SHARED = {
    "bus_url": "kafka://k:1",
    "history_url": "mongodb://m",
    "knowledge_url": "bolt://n",
    "objects_url": "s3://h/b",
    "counters_url": "redis://r",
}


def test_nobody_is_ready_before_all_are():
    roster = Roster(2)
    roster.tell(0, ready=True)
    assert "1 of 2 workers are ready" == roster.missing()
    roster.tell(1, ready=True)
    assert roster.missing() is None


def test_a_forked_worker_tells_those_who_answer_for_it_and_its_seat_is_given_on():
    roster, lacking = Roster(2), ["an assignment"]
    if (child := os.fork()) == 0:
        roster.tell(1, ready=True)
        os._exit(0)
    os.waitpid(child, 0)
    with roster.attended(roster.free({1}), lambda: lacking[0] if lacking else None):
        time.sleep(0.1)
        assert "1 of 2 workers are ready" == roster.missing()
        lacking.clear()
        time.sleep(0.7)
        assert roster.missing() is None
    assert "1 of 2 workers are ready" == roster.missing()


@pytest.mark.parametrize("name", SHARED)
def test_engines_of_one_process_are_served_by_one(name):
    assert 3 == workers(Settings(web_workers=3, **SHARED))
    assert 1 == workers(Settings(web_workers=3, **{**SHARED, name: "memory:" if name == "counters_url" else "file:"}))


def test_who_is_late_is_heard_no_further_and_can_still_be_answered():
    now = [0.0]
    deadlines = Deadlines(10, lambda: now[0])
    (near, far), (other, _) = socket.socketpair(), socket.socketpair()
    deadlines.begin(near)
    deadlines.begin(other)
    deadlines.received(other)
    now[0] = 10.5

    assert 1 == deadlines.enforce()
    assert b"" == near.recv(1)
    near.sendall(b"x")
    assert b"x" == far.recv(1)
    assert 0 == deadlines.enforce()


def test_a_container_is_served_from_memory_within_bounds_and_ends_in_time():
    told = options(Settings(**SHARED), 3)
    assert told["graceful_timeout"] < 25
    assert told["limit_request_line"] <= 8190
    assert told["limit_request_fields"] <= 100
    assert told["control_socket_disable"]
    assert not {"max_requests", "preload_app", "accesslog"} & told.keys()


def test_a_worker_told_to_end_before_it_began_lets_in_who_stands_at_the_door_and_closes_it():
    sock = TCPSocket(("127.0.0.1", 0), Config(), None)
    worker = object.__new__(Worker)
    worker.sockets, worker.poller, worker.alive = [sock], selectors.DefaultSelector(), False
    worker._accepting, worker.nr_conns, let_in = False, 0, []
    worker._let_in = let_in.append
    worker.set_accept_enabled(True)
    worker.set_accept_enabled(False)
    assert ([sock], None, {}) == (let_in, sock.sock, dict(worker.poller.get_map()))
