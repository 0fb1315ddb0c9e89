"""Counters in this process's memory: the embedded engine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from cachetools import TLRUCache

from shared.errors import InvalidInputError

_MEGABYTES = 64
_OVERHEAD = 300  # bytes that an entry costs besides its key and value, about


@dataclass(frozen=True, slots=True)
class _Kept:
    value: bytes
    ttl: float
    cost: int


class MemoryCounters:
    """Implements `shared.counters.port.Counters`. When `max_bytes` are full, the least recently used value goes.

    `timer` tells seconds that never go back.
    """

    def __init__(self, max_bytes: int = _MEGABYTES << 20, timer: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._kept: TLRUCache[str, _Kept] = TLRUCache(
            maxsize=max_bytes,
            ttu=lambda _, kept, now: now + kept.ttl,
            timer=timer,
            getsizeof=lambda kept: kept.cost,
        )

    def get(self, key: str) -> bytes | None:
        """Return a value, or none when it is unknown or has expired."""
        with self._lock:
            kept = self._kept.get(key)
        return kept.value if kept else None

    def put(self, key: str, value: bytes, ttl: float) -> None:
        """Keep a value for `ttl` seconds.

        Raises:
            InvalidInputError: the value alone is larger than all that may be kept.
        """
        with self._lock:
            self._keep(key, value, ttl)

    def add(self, key: str, value: bytes, ttl: float) -> bool:
        """Keep a value only if there is none; say whether it was kept. Atomic.

        Raises:
            InvalidInputError: the value alone is larger than all that may be kept.
        """
        with self._lock:
            if key in self._kept:
                return False
            self._keep(key, value, ttl)
        return True

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()

    def _keep(self, key: str, value: bytes, ttl: float) -> None:
        try:
            self._kept[key] = _Kept(value, ttl, len(key) + len(value) + _OVERHEAD)
        except ValueError as error:
            raise InvalidInputError("the value is too large to be kept") from error
