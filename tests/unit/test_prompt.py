"""Socket calls that never wait, and do not let go of Python's lock."""

from __future__ import annotations

import socket
import sys
import threading

import pytest

from shared.web.prompt import Prompt


@pytest.fixture
def ends():
    near, far = socket.socketpair()
    with near, far:
        yield Prompt(near), far


def test_what_was_sent_is_had_and_nothing_is_waited_for(ends):
    near, far = ends
    with pytest.raises(BlockingIOError):
        near.recv(100)
    far.sendall(b"hello")
    assert (b"hel", b"lo") == (near.recv(3), near.recv(100))
    far.close()
    assert b"" == near.recv(100)


def test_as_much_is_sent_as_there_is_room_for(ends):
    near, far = ends
    assert 5 == near.send(b"hello")
    assert b"hello" == far.recv(100)
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    assert 0 < near.send(b"x" * 60_000) < 60_000
    with pytest.raises(BlockingIOError):
        near.send(b"x" * 60_000)


def test_a_connection_that_is_gone_is_an_error(ends):
    near, far = ends
    far.close()
    with pytest.raises(BrokenPipeError):
        near.send(b"hello")


class Computing(threading.Thread):
    """Counts for as long as it has Python's lock."""

    def __init__(self):
        super().__init__()
        self.begin, self.over, self.turns = threading.Event(), False, 0

    def run(self):
        self.begin.wait()
        while not self.over:
            self.turns += 1


def test_no_other_thread_has_its_turn_meanwhile_as_it_has_in_calls_of_the_socket_itself(ends):
    near, far = ends
    other, usual = Computing(), sys.getswitchinterval()
    other.start()
    sys.setswitchinterval(5)  # until then only who lets go of the lock is followed by another
    try:
        other.begin.set()
        for _ in range(100):
            near.send(b"x")
        meanwhile = other.turns
    finally:
        sys.setswitchinterval(usual)
    for _ in range(100_000):
        if other.turns or not far.recv(1, socket.MSG_PEEK):
            break
    then = other.turns
    other.over = True
    other.join()
    assert (0, True) == (meanwhile, then > 0)
