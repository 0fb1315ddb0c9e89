"""Limits in this process's memory: the embedded engine, and what stands in for Redis."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from cachetools import TLRUCache

from shared.counters.limits import Decision, Lease, Limit, decision, drained, fits

_MOST_KEYS = 100_000  # beyond that, what was used longest ago is forgotten


@dataclass(frozen=True, slots=True)
class _Level:
    level: float
    at: float
    full: float  # seconds until nothing is left of it


class MemoryLimiter:
    """Implements `shared.counters.limits.Limiter`. `timer` tells seconds that never go back."""

    def __init__(self, timer: Callable[[], float] = time.monotonic, most_keys: int = _MOST_KEYS) -> None:
        self._lock, self._timer = threading.Lock(), timer
        self._levels: TLRUCache[str, _Level] = TLRUCache(most_keys, ttu=lambda _, one, now: now + one.full, timer=timer)
        self._leases: dict[str, dict[str, float]] = {}

    def take(self, key: str, limit: Limit, cost: int = 1, *, owing: bool = False) -> Decision:
        """Take `cost` units, or none of them; see the port."""
        with self._lock:
            now = self._timer()
            known = self._levels.get(key)
            level = drained(known.level, now - known.at, limit) if known else 0.0
            allowed = owing or fits(level, cost, limit)
            if allowed and cost:
                level += cost
                self._levels[key] = _Level(level, now, level * limit.window / limit.quota)
        return decision(limit, level, cost, allowed=allowed)

    def hold(self, key: str, most: int, seconds: float) -> Lease | None:
        """Return a lease of so many seconds, or none while `most` are held."""
        with self._lock:
            now = self._timer()
            held = {id: end for id, end in self._leases.get(key, {}).items() if end > now}
            if len(held) >= most:
                return None
            lease = Lease(key, uuid.uuid4().hex, most - len(held) - 1, near=True)
            self._leases[key] = {**held, lease.id: now + seconds}
        return lease

    def release(self, lease: Lease) -> None:
        """Give a lease back."""
        with self._lock:
            held = self._leases.get(lease.key, {})
            held.pop(lease.id, None)
            if not held:
                self._leases.pop(lease.key, None)

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            self._levels.clear()
            self._leases.clear()
