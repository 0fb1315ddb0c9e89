"""Counters in Redis, shared by every process; while it is away, each process's own memory stands in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from shared.counters.memory import MemoryCounters
from shared.counters.redis_link import RedisLink
from shared.errors import InvalidInputError
from shared.metrics import DEGRADED

if TYPE_CHECKING:
    import redis

_LARGEST = 8 << 20

T = TypeVar("T")


class RedisCounters:
    """Implements `shared.counters.port.Counters`.

    A call never fails for Redis' sake: while that is away, this process's memory serves (counted as degraded).
    """

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._local = MemoryCounters()

    def get(self, key: str) -> bytes | None:
        """Return a value, or none when it is unknown or has expired."""
        named = self._link.named(key)
        return self._asked(lambda redis: redis.get(named), lambda: self._local.get(key))

    def put(self, key: str, value: bytes, ttl: float) -> None:
        """Keep a value for `ttl` seconds.

        Raises:
            InvalidInputError: the value is larger than 8 MiB.
        """
        named, whole = self._link.named(key), _bounded(value)
        self._asked(
            lambda redis: redis.set(named, whole, px=_milliseconds(ttl)), lambda: self._local.put(key, value, ttl)
        )

    def add(self, key: str, value: bytes, ttl: float) -> bool:
        """Keep a value only if there is none; say whether it was kept. Atomic.

        Raises:
            InvalidInputError: the value is larger than 8 MiB.
        """
        named, whole = self._link.named(key), _bounded(value)
        return bool(
            self._asked(
                lambda redis: redis.set(named, whole, px=_milliseconds(ttl), nx=True),
                lambda: self._local.add(key, value, ttl),
            )
        )

    def close(self) -> None:
        """Close the connections."""
        self._link.close()
        self._local.close()

    def _asked(self, far: Callable[[redis.Redis], Any], near: Callable[[], T]) -> T:
        return self._link.asked(far, lambda: _counted(near))


def _counted(near: Callable[[], T]) -> T:
    DEGRADED.labels("memory").inc()
    return near()


def _milliseconds(ttl: float) -> int:
    return max(1, round(ttl * 1000))


def _bounded(value: bytes) -> bytes:
    if len(value) > _LARGEST:
        raise InvalidInputError("the value is too large to be kept")
    return value
