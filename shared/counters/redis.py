"""Counters in Redis, shared by every process; while it is away, each process's own memory stands in."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from shared.counters.memory import MemoryCounters
from shared.errors import InvalidInputError
from shared.logs import logger
from shared.metrics import DEGRADED

_ANSWER_SECONDS = 0.04  # what a request may lose to a Redis that is away, once in a pause
_PAUSE_SECONDS = 1.0
_LARGEST = 8 << 20

_log = logger("counters")
T = TypeVar("T")


class RedisCounters:
    """Implements `shared.counters.port.Counters`.

    A call never fails for Redis' sake: one that gets no answer within 40 ms, and all within the next second, are served
    from this process's memory (counted as degraded), then Redis is asked again.
    """

    def __init__(self, url: str, prefix: str = "tastegraph:", timer: Callable[[], float] = time.monotonic) -> None:
        """Take `redis://:PASSWORD@HOST:PORT/DB`, or `rediss:` for TLS; nothing connects before the first call."""
        self._redis = redis.Redis.from_url(
            url,
            socket_timeout=_ANSWER_SECONDS,
            socket_connect_timeout=_ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=0,
        )
        self._prefix = prefix
        self._local = MemoryCounters()
        self._timer = timer
        self._lock = threading.Lock()
        self._ask_again_at = 0.0

    def get(self, key: str) -> bytes | None:
        """Return a value, or none when it is unknown or has expired."""
        return self._asked(lambda: self._redis.get(self._prefix + key), lambda: self._local.get(key))

    def put(self, key: str, value: bytes, ttl: float) -> None:
        """Keep a value for `ttl` seconds.

        Raises:
            InvalidInputError: the value is larger than 8 MiB.
        """
        self._asked(
            lambda: self._redis.set(self._prefix + key, _bounded(value), px=_milliseconds(ttl)),
            lambda: self._local.put(key, value, ttl),
        )

    def add(self, key: str, value: bytes, ttl: float) -> bool:
        """Keep a value only if there is none; say whether it was kept. Atomic.

        Raises:
            InvalidInputError: the value is larger than 8 MiB.
        """
        return bool(
            self._asked(
                lambda: self._redis.set(self._prefix + key, _bounded(value), px=_milliseconds(ttl), nx=True),
                lambda: self._local.add(key, value, ttl),
            )
        )

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()
        self._local.close()

    def _asked(self, far: Callable[[], Any], near: Callable[[], T]) -> T:
        if self._timer() >= self._ask_again_at:
            try:
                found: T = far()
            except redis.RedisError as error:
                self._gone(error)
            else:
                return found
        DEGRADED.labels("memory").inc()
        return near()

    def _gone(self, error: redis.RedisError) -> None:
        with self._lock:
            self._ask_again_at = self._timer() + _PAUSE_SECONDS
        _log.warning("counters.redis_away", error=type(error).__name__, seconds=_PAUSE_SECONDS)


def _milliseconds(ttl: float) -> int:
    return max(1, round(ttl * 1000))


def _bounded(value: bytes) -> bytes:
    if len(value) > _LARGEST:
        raise InvalidInputError("the value is too large to be kept")
    return value
