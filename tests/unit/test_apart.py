"""What works in a process of its own is in nobody's way."""

from __future__ import annotations

import os
from multiprocessing.connection import Connection

import pytest

import shared.courtesy
from shared.apart import apart
from shared.courtesy import answering, considerate


def tell(connection: Connection) -> None:
    connection.send((os.getpriority(os.PRIO_PROCESS, 0), os.sched_getaffinity(0)))


def work_on(connection: Connection) -> None:
    shared.courtesy._courtesy._longest = 60.0
    connection.send("begun")
    for piece in considerate(range(3)):
        connection.send(piece)


def test_it_waits_while_somebody_is_answered_here() -> None:
    with apart("working", work_on) as connection:
        with answering():
            assert connection.recv() == "begun"
            assert not connection.poll(0.1)
        assert [connection.recv() for _ in range(3)] == [0, 1, 2]


@pytest.mark.parametrize("cores", [1, 2])
def test_it_goes_after_all_others_and_leaves_them_a_core(cores: int) -> None:
    mine = os.sched_getaffinity(0)
    some = set(sorted(mine)[:cores])
    os.sched_setaffinity(0, some)
    try:
        with apart("told", tell) as connection:
            nice, theirs = connection.recv()
    finally:
        os.sched_setaffinity(0, mine)
    assert nice == 19
    assert len(theirs) == max(1, len(some) - 1)
    assert theirs <= some
