"""Work in a process of its own, over a pipe: another core does it, and Python's lock here is left to others."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from multiprocessing.connection import Connection
from typing import Any

from shared.courtesy import Byte, heed, telling

_NICE = 19  # it goes after those who serve
_PATIENCE = 5.0  # seconds that the process gets to end


@contextmanager
def apart(name: str, work: Callable[..., None], *arguments: Any) -> Iterator[Connection]:
    """Run `work(connection, *arguments)` in a child process meanwhile; yield this end of a two-way connection.

    The child is ended on leaving. When this process is gone, the child's end says so (`EOFError`, `BrokenPipeError`).
    """
    spawning = multiprocessing.get_context("spawn")  # to fork a process with threads is to inherit their locks
    here, there = spawning.Pipe()
    answering = spawning.RawValue("b")
    process = spawning.Process(target=_run, args=(answering, work, there, *arguments), name=name, daemon=True)
    with closing(here), telling(answering):
        with closing(there), _ctrl_c_left_to_us():
            process.start()
        try:
            yield here
        finally:
            process.terminate()
            process.join(_PATIENCE)


def _run(answering: Byte, work: Callable[..., None], there: Connection, *arguments: Any) -> None:
    os.nice(_NICE)
    _leave_a_core()
    heed(answering)
    work(there, *arguments)


def _leave_a_core() -> None:
    """Work on all cores but one, if there are several: so who answers, and wakes up, finds one without us.

    Of the lowest priority alone, children were in the way of a median answer for a fifth of its time on two cores.
    """
    if sys.platform == "linux" and len(cores := sorted(os.sched_getaffinity(0))) > 1:
        os.sched_setaffinity(0, cores[1:])


@contextmanager
def _ctrl_c_left_to_us() -> Iterator[None]:
    """Block SIGINT while a child starts, which inherits that: this process hears it, and ends the child."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
