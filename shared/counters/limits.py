"""Limits: how much may be taken within a while, and how much may go on at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

_DUST = 1e-6  # what adding and draining fractions may be off by; far less than a unit


@dataclass(frozen=True, slots=True)
class Limit:
    """So many units (`quota`) may be taken at once; what was taken comes back evenly, all of it within the window."""

    name: str
    quota: int
    window: float  # seconds

    def part(self, parts: int) -> Limit:
        """Return the share of one of so many that keep the limit without knowing of each other."""
        return Limit(self.name, max(1, self.quota // parts), self.window)


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether the units were had, and how it stands now."""

    allowed: bool
    remaining: int  # units that may be taken now
    reset: float  # seconds until the whole quota may be taken
    wait: float  # seconds until what was refused may be had


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to be one of those that go on at once; given back, or lost when its time is over."""

    key: str
    id: str
    left: int  # how many more there may be
    near: bool = False  # kept in this process


class Limiter(Protocol):
    """Keeps limits by key, exactly and atomically: of any number that ask at once, as many are let through as may be.

    Thread-safe. Raises nothing: an engine that is away is stood in for. One key always has one limit.
    """

    def take(self, key: str, limit: Limit, cost: int = 1, *, owing: bool = False) -> Decision:
        """Take `cost` units, or none of them. A cost of 0 only looks.

        A cost beyond the whole quota is let through when the quota is whole, and owed: nothing more is had until the
        debt has drained. With `owing` the units are always taken: for what could not be known before it was done.
        """

    def hold(self, key: str, most: int, seconds: float) -> Lease | None:
        """Return a lease of so many seconds, or none while `most` are held. One key always has one term."""

    def release(self, lease: Lease) -> None:
        """Give a lease back."""

    def close(self) -> None:
        """Let go of the engine."""


def drained(level: float, seconds: float, limit: Limit) -> float:
    """Return what of a level has not come back after a time; a clock that went back lets nothing come back."""
    return max(0.0, level - max(0.0, seconds) * limit.quota / limit.window)


def fits(level: float, cost: int, limit: Limit) -> bool:
    """Say whether so much may be taken above a level."""
    return level + min(cost, limit.quota) <= limit.quota + _DUST


def decision(limit: Limit, level: float, cost: int, *, allowed: bool) -> Decision:
    """Return what a level, as it stands after the decision, means."""
    second = limit.window / limit.quota  # for a unit to come back
    lacking = max(0.0, level + min(cost, limit.quota) - limit.quota)
    return Decision(
        allowed,
        remaining=max(0, math.floor(limit.quota - level + _DUST)),
        reset=level * second,
        wait=0.0 if allowed else lacking * second,
    )
