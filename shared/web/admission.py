"""Who is worked for at once, who waits, who is refused: decided before any work, writes before reads before admin.

A bounded number of requests is in work and a bounded, short number waits; more would only make all of them late. Who
has waited long makes way for who comes (CoDel's idea: a queue may take up a burst, and must not stand). Not who has
waited too long for a refusal to be of use: one such at a time goes before all others, so that none waits for good. And
no write, for it will be worked for next: who comes is told at once.
What could hold a thread for long (admin, a body that is still coming in) has half of the places in work at most. Who
waits for a reply is not in work. Fewer that compute at once are answered sooner, and the loop that refuses others gets
its turn.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import chain
from typing import Generic, TypeVar

from shared.clock import monotonic

T = TypeVar("T")


class Priority(IntEnum):
    """Who goes first; the name is a metric's label."""

    HEALTH = 0
    WRITE = 1
    READ = 2
    ADMIN = 3


HEALTH_THREADS = 2  # besides all others: whoever asks whether the process lives waits for nobody's work
_HEALTH_WAITING = 64
PATIENCE_SECONDS = 0.015  # who has waited so long makes way
COMMITTED_SECONDS = 0.035  # who has waited so long stays: a refusal is worth something while it comes at once

_HEALTH = frozenset({"/livez", "/readyz", "/metrics"})
_ADMIN = re.compile(r"/v1/(?:keys|deadletters|graph/(?:verify|rebuild|repair)|users/[^/]*/export)(?:/|$)")
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
# Of the places to wait, so many are open to each: the last ones are kept for who goes before.
_SHARE: Mapping[Priority, float] = {Priority.WRITE: 1.0, Priority.READ: 0.5, Priority.ADMIN: 0.25}


def priority_of(method: str, target: str) -> Priority:
    """Return the priority of a request, by its first line alone."""
    path = target.partition("?")[0]
    if path in _HEALTH:
        return Priority.HEALTH
    if _ADMIN.match(path):
        return Priority.ADMIN
    return Priority.READ if method in _READING else Priority.WRITE


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many requests are in work at once, and how many may wait."""

    working: int
    waiting: int

    @property
    def narrow(self) -> int:
        """How many of what could hold a thread for long are in work at once."""
        return max(1, (self.working + 1) // 2)

    def places(self, priority: Priority) -> int:
        """Return how many may wait when one of this priority comes to wait, too."""
        if priority is Priority.HEALTH:
            return _HEALTH_WAITING
        return max(1, int(self.waiting * _SHARE[priority])) if self.waiting else 0


@dataclass(frozen=True, slots=True)
class Ticket:
    """What is known of a request before it is worked on."""

    priority: Priority
    narrow: bool = False
    since: float = field(default_factory=monotonic, compare=False)


class Admission(Generic[T]):
    """The bounds, kept. Thread-safe; `next` starts nothing, it says whom to work for."""

    def __init__(self, bounds: Bounds, now: Callable[[], float] = monotonic) -> None:
        self._bounds, self._now = bounds, now
        self._working = self._narrow = self._health = 0
        self._overdue: Ticket | None = None  # of who went before others for having waited too long, while in work
        self._waiting: Mapping[Priority, deque[tuple[T, Ticket]]] = {one: deque() for one in Priority}
        self._lock = threading.Lock()

    def offer(self, item: T, ticket: Ticket) -> T | None:
        """Take a request, to be worked on when `next` gives it; return who is to be refused, if there is one too many.

        That is the request itself, or one that goes before nobody and has waited too long.
        """
        with self._lock:
            evicted = None
            if not self._may_begin(ticket) and self._known(ticket) >= self._bounds.places(ticket.priority):
                evicted = self._evicted(ticket.priority)
                if evicted is None:
                    return item
            self._waiting[ticket.priority].append((item, ticket))
            return evicted

    def next(self) -> T | None:
        """Return whom to work for now, or none: nobody waits, or all places are taken."""
        with self._lock:
            for one in chain(self._overdue_first(), self._in_order()):
                item, ticket = one
                if self._may_begin(ticket):
                    self._waiting[ticket.priority].remove(one)
                    self._count(ticket, 1)
                    if self._overdue is None and self._stays(ticket):
                        self._overdue = ticket
                    return item
        return None

    def done(self, ticket: Ticket) -> None:
        """Note that a request has been answered."""
        with self._lock:
            self._count(ticket, -1)
            if self._overdue is ticket:
                self._overdue = None

    def resumed(self, ticket: Ticket) -> None:
        """Note that a request that had given its place up is worked on again, whoever has it now."""
        with self._lock:
            self._count(ticket, 1)

    def _evicted(self, by: Priority) -> T | None:
        """Take out who goes last of those that have waited too long, and before nobody of this priority.

        Writes stay: where they wait in a crowd, the oldest has waited longer than a refusal may take.
        """
        late = self._now() - PATIENCE_SECONDS
        for priority in (Priority.ADMIN, Priority.READ):
            queue = self._waiting[priority]
            for one in queue if Priority.HEALTH < by <= priority else ():
                if one[1].since <= late and not self._stays(one[1]):
                    queue.remove(one)
                    return one[0]
        return None

    def _stays(self, ticket: Ticket) -> bool:
        """Say whether one has waited too long to be refused."""
        return ticket.priority > Priority.WRITE and self._now() - ticket.since >= COMMITTED_SECONDS

    def _overdue_first(self) -> Iterator[tuple[T, Ticket]]:
        """Yield who stays, unless such a one is in work: writes would keep all of them waiting for good."""
        if self._overdue is None:
            yield from (one for one in self._in_order() if self._stays(one[1]))

    def _in_order(self) -> Iterator[tuple[T, Ticket]]:
        """Yield who waits, by priority, each in the order in which they came."""
        return chain.from_iterable(self._waiting.values())

    def _known(self, ticket: Ticket) -> int:
        """Return how many wait already, of those who stand in one another's way."""
        health = len(self._waiting[Priority.HEALTH])
        return health if ticket.priority is Priority.HEALTH else sum(map(len, self._waiting.values())) - health

    def _may_begin(self, ticket: Ticket) -> bool:
        if ticket.priority is Priority.HEALTH:
            return self._health < HEALTH_THREADS
        return self._working < self._bounds.working and not (ticket.narrow and self._narrow >= self._bounds.narrow)

    def _count(self, ticket: Ticket, change: int) -> None:
        if ticket.priority is Priority.HEALTH:
            self._health += change
        else:
            self._working += change
            self._narrow += change if ticket.narrow else 0


@dataclass(frozen=True, slots=True)
class Place:
    """A request's place in work: how it is given up for a while, and taken again."""

    leave: Callable[[], None]
    resume: Callable[[], None]
    since: float = field(default_factory=monotonic)  # when the request came


_PLACE: ContextVar[Place | None] = ContextVar("tastegraph_place", default=None)


def seat(place: Place | None) -> None:
    """Say which place the request has that this thread works on from here."""
    _PLACE.set(place)


def waited() -> float:
    """Return how many seconds ago the request that this thread works on had come in."""
    place = _PLACE.get()
    return 0.0 if place is None else monotonic() - place.since


@contextmanager
def aside() -> Iterator[None]:
    """Let others work while this request waits for something that takes no work of ours."""
    place = _PLACE.get()
    if place is None:
        yield
        return
    place.leave()
    try:
        yield
    finally:
        place.resume()
