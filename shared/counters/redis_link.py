"""The way to Redis: a call goes there, or is answered nearby while Redis is away; nobody waits for it to come back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from shared.breakers import State
from shared.logs import logger
from shared.metrics import BREAKER_STATE

_CONNECT_SECONDS, _ANSWER_SECONDS = 0.02, 0.025  # together what a request may lose to a Redis that goes away: once
_PAUSE_SECONDS = 0.5

_log = logger("counters")
T = TypeVar("T")


class RedisLink:
    """Connections to one Redis. Thread-safe; nothing connects before the first call.

    The call that finds Redis away (silent, full, not itself) loses 45 ms at most; those after it lose nothing, for a
    thread of its own tries until a value can be kept there again.
    """

    name = "counters"

    def __init__(self, url: str, prefix: str = "tastegraph:") -> None:
        """Take `redis://:PASSWORD@HOST:PORT/DB`, or `rediss:` for TLS."""
        self._redis = redis.Redis.from_url(
            url,
            socket_timeout=_ANSWER_SECONDS,
            socket_connect_timeout=_CONNECT_SECONDS,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=0,
            protocol=2,  # nothing is said before the first command but who we are
            driver_info=None,
        )
        self._prefix = prefix
        self._lock = threading.Lock()
        self._away, self._closed = threading.Event(), threading.Event()
        BREAKER_STATE.labels(self.name).set(self.state)

    @property
    def state(self) -> State:
        """How Redis stands: a breaker's states, of which it has two."""
        return State.OPEN if self._away.is_set() else State.CLOSED

    def named(self, key: str) -> str:
        """Return a key's name over there."""
        return self._prefix + key

    def asked(self, far: Callable[[redis.Redis], Any], near: Callable[[], T]) -> T:
        """Return what Redis answers, or what can be said without it."""
        if not self._away.is_set():
            try:
                found: T = far(self._redis)
            except redis.RedisError as error:
                self._gone(error)
            else:
                return found
        return near()

    def close(self) -> None:
        """Close the connections."""
        self._closed.set()
        self._redis.close()

    def _gone(self, error: redis.RedisError) -> None:
        with self._lock:
            if self._away.is_set() or self._closed.is_set():
                return
            self._away.set()
        BREAKER_STATE.labels(self.name).set(self.state)
        _log.warning("counters.redis-away", error=type(error).__name__)
        threading.Thread(target=self._look_out, name="redis-look-out", daemon=True).start()

    def _look_out(self) -> None:
        while not self._closed.wait(_PAUSE_SECONDS):
            try:
                self._redis.set(self.named("look-out"), b"", px=1000)
            except redis.RedisError:
                continue
            self._away.clear()
            BREAKER_STATE.labels(self.name).set(self.state)
            _log.info("counters.redis-back")
            return
