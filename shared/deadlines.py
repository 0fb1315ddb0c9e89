"""How much time the work in hand still has: set where a request comes in, asked wherever something is waited for."""

from __future__ import annotations

from contextvars import ContextVar

from shared.clock import monotonic
from shared.errors import DeadlineError

_UNTIL: ContextVar[float | None] = ContextVar("tastegraph_until", default=None)


def begin(seconds: float) -> None:
    """Give the work that begins here so many seconds."""
    _UNTIL.set(monotonic() + seconds)


def end() -> None:
    """Let what follows take its time."""
    _UNTIL.set(None)


def within(seconds: float) -> float:
    """Return how long something may be waited for: so many seconds, or less if there is not so much time left.

    Raises:
        DeadlineError: there is none left.
    """
    until = _UNTIL.get()
    if until is None:
        return seconds
    left = until - monotonic()
    if left <= 0:
        raise DeadlineError("the time of the request has run out")
    return min(seconds, left)
