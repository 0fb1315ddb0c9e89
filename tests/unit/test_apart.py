"""What works in a process of its own is in nobody's way."""

from __future__ import annotations

import os
from multiprocessing.connection import Connection

import pytest

from shared.apart import apart


def tell(connection: Connection) -> None:
    connection.send((os.getpriority(os.PRIO_PROCESS, 0), os.sched_getaffinity(0)))


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
