"""The clock, injected wherever time matters, so that a test can hold it still."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time of day."""

    def now(self) -> datetime:
        """Return the present moment, in UTC."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the present moment, in UTC."""
        return datetime.now(UTC)


class FixedClock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        """Return the moment at which the clock was set."""
        return self.moment


def to_ms(moment: datetime) -> int:
    """Return whole milliseconds since the epoch, exactly (no float in between)."""
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000


def from_ms(ms: int) -> datetime:
    """Return the UTC moment of so many milliseconds since the epoch."""
    seconds, rest = divmod(ms, 1000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest * 1000)


def monotonic() -> float:
    """Return seconds that never go back, for measuring durations."""
    return time.monotonic()
