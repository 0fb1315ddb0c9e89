"""Who is answered goes first: background work gives way between two of its pieces meanwhile, within bounds.

Python runs one thread at a time. Answering with 30 ms of computing took 77 ms beside a consumer that records a year of
purchases, since the two took turns. The consumer loses little by waiting: it has the lock to itself afterwards.
Processes that work for this one wait, too, for cores are few.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from shared.clock import monotonic

_LOOK = 0.001  # seconds between two looks at whether another process answers still
_LONGEST = 0.1  # seconds that one piece of work waits at most
_BEHIND = 10  # nice: a tenth of a core beside one who answers
_SHARE = 1 / 3  # of the time it waited, work goes on unasked: under endless answering it has a quarter of all time

T = TypeVar("T")


class Byte(Protocol):
    """Memory that two processes see: whether the one that made it is answering."""

    value: int


class _Nobody:
    value = 0


class Courtesy:
    """Knows whether somebody is being answered, and lets background work wait until they are. Thread-safe."""

    def __init__(self, longest: float = _LONGEST) -> None:
        self._longest = longest
        self._elsewhere: Byte = _Nobody()
        self._told: tuple[Byte, ...] = ()
        self._changing = threading.Lock()
        self._answering = 0
        self._quiet = threading.Event()
        self._quiet.set()
        self._threads = threading.local()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Let background work wait until the block is left; not for blocks that wait for such work themselves."""
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def considerate(self, pieces: Iterable[T]) -> Iterator[T]:
        """Yield pieces of background work one by one, each once nobody is being answered or it has waited enough."""
        for piece in pieces:
            if self._answering or self._elsewhere.value:
                self._give_way()
            yield piece

    @contextmanager
    def telling(self, told: Byte) -> Iterator[None]:
        """Let another process know meanwhile whether somebody is being answered in this one."""
        with self._changing:
            self._told = (*self._told, told)
            told.value = bool(self._answering)
        try:
            yield
        finally:
            with self._changing:
                self._told = tuple(each for each in self._told if each is not told)

    def heed(self, elsewhere: Byte) -> None:
        """Let background work here wait for the answers of the process that tells us, from now on."""
        self._elsewhere = elsewhere

    def _count(self, change: int) -> None:
        with self._changing:
            self._answering += change
            for each in self._told:
                each.value = bool(self._answering)
            if self._answering:
                self._quiet.clear()
            else:
                self._quiet.set()

    def _give_way(self) -> None:
        began = monotonic()
        if began < getattr(self._threads, "undisturbed_until", 0.0):
            return
        self._quiet.wait(self._longest)
        while self._elsewhere.value and monotonic() < began + self._longest:
            time.sleep(_LOOK)
        now = monotonic()
        self._threads.undisturbed_until = now + (now - began) * _SHARE


def stand_back() -> None:
    """Let the calling thread, for the rest of its life, go after others where there are fewer cores than threads.

    Answers waited 5 ms for a core, 19 ms those that took longest, beside a consumer, a refresh and an import on two.
    """
    if sys.platform == "linux":  # elsewhere this is of whole processes
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _BEHIND)


_courtesy = Courtesy()  # one for the process, as is the lock that its threads share
answering, considerate = _courtesy.answering, _courtesy.considerate
telling, heed = _courtesy.telling, _courtesy.heed
