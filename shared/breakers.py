"""A breaker before each dependency: who does not answer is not asked for a while, and nobody waits for it in vain.

What follows from what is a pure value (`Standing`); `Breaker` keeps one under a lock that is never held during a call.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Protocol

from shared.clock import monotonic
from shared.errors import UnavailableError
from shared.logs import logger
from shared.metrics import BREAKER_STATE

PAUSE_SECONDS = 1.0  # until a dependency is asked again, by one request alone
_FAILURES = 3  # in a row
_log = logger("breakers")


class State(IntEnum):
    """How a dependency stands; the number is the metric's value."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class OpenError(UnavailableError):
    """A dependency did not answer just now, and is not asked again yet."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a dependency: failures in a row, since when it is not asked, whether somebody asks on trial."""

    failures: int = 0
    opened_at: float | None = None
    tried_at: float | None = None
    answered_at: float | None = None

    @property
    def state(self) -> State:
        """How it stands."""
        if self.opened_at is None:
            return State.CLOSED
        return State.OPEN if self.tried_at is None else State.HALF_OPEN

    def asked(self, now: float) -> Standing | None:
        """Return what follows from asking now, or none: it may not be asked."""
        if self.opened_at is None:
            return self
        since = max(self.opened_at, self.tried_at or 0.0)
        return replace(self, tried_at=now) if now >= since + PAUSE_SECONDS else None

    def succeeded(self, now: float) -> Standing:
        """Return what follows from an answer."""
        return Standing(answered_at=now)

    def failed(self, now: float, *, hung: bool = False) -> Standing:
        """Return what follows from a failure, or from an answer that did not come (`hung`)."""
        failures = self.failures + 1
        opens = hung or failures >= _FAILURES or self.opened_at is not None
        return replace(self, failures=failures, opened_at=now if opens else None, tried_at=None)

    def silent(self, since: float, now: float) -> Standing:
        """Return what follows from nothing having come to a question so far: it hangs if it answered nobody else.

        One that has never answered yet may be starting: it is given all its time.
        """
        if self.answered_at is None or self.answered_at > since or self.state is State.OPEN:
            return self
        return self.failed(now, hung=True)


class Breaker:
    """One dependency's standing. Thread-safe."""

    def __init__(self, name: str, now: Callable[[], float] = monotonic) -> None:
        self.name, self._now = name, now
        self._standing = Standing()
        self._lock = threading.Lock()
        BREAKER_STATE.labels(name).set(State.CLOSED)

    @property
    def state(self) -> State:
        """How the dependency stands."""
        return self._standing.state

    def ask(self) -> float:
        """Note that the dependency is being asked; return when.

        Raises:
            OpenError: it is not to be asked now.
        """
        with self._lock:
            now = self._now()
            standing = self._standing.asked(now)
            if standing is None:
                raise OpenError(f"the {self.name} did not answer just now")
            self._become(standing)
        return now

    def succeeded(self) -> None:
        """Note an answer."""
        with self._lock:
            self._become(self._standing.succeeded(self._now()))

    def failed(self, *, hung: bool = False) -> None:
        """Note that there was none; `hung`: within the time that any answer takes."""
        with self._lock:
            self._become(self._standing.failed(self._now(), hung=hung))

    def silent(self, since: float) -> None:
        """Note that there is none so far to what was asked then."""
        with self._lock:
            self._become(self._standing.silent(since, self._now()))

    def _become(self, standing: Standing) -> None:
        before, self._standing = self._standing.state, standing
        if standing.state is not before:
            BREAKER_STATE.labels(self.name).set(standing.state)
            level = logging.WARNING if standing.state is State.OPEN else logging.INFO
            _log.log(level, "breaker", dependency=self.name, state=standing.state.name.lower())


class Stands(Protocol):
    """A dependency that tells how it stands."""

    name: str

    @property
    def state(self) -> State:
        """How it stands."""


class Breakers:
    """The breakers of one process, by name, and what else tells how a dependency stands."""

    def __init__(self) -> None:
        self._all: dict[str, Breaker] = {}
        self._others: dict[str, Stands] = {}

    def of(self, name: str) -> Breaker:
        """Return a dependency's breaker."""
        return self._all.setdefault(name, Breaker(name))

    def show(self, one: Stands) -> None:
        """Show how a dependency stands that has a way of its own of not being asked."""
        self._others[one.name] = one

    def states(self) -> Mapping[str, str]:
        """Return how every dependency stands."""
        return {name: one.state.name.lower() for name, one in sorted({**self._all, **self._others}.items())}
