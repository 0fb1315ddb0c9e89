"""Limits in Redis, kept together by every process; while it is away, each process keeps its part of them alone."""

from __future__ import annotations

import uuid
from typing import Any

from shared.counters.limits import Decision, Lease, Limit, decision
from shared.counters.limits_memory import MemoryLimiter
from shared.counters.redis_link import RedisLink
from shared.metrics import LIMITS_ALONE

# GCRA as a level that drains (ITU-T I.371, the "continuous-state leaky bucket"), by Redis' own clock. A level rather
# than an arrival time: a clock that is put back stops it for a moment, and cannot lock anybody out until it catches up.
_TAKE = """
local now = redis.call('TIME')
local at = now[1] * 1000000 + now[2]
local quota, window, cost, owing = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1'
local kept = redis.call('HMGET', KEYS[1], 'level', 'at')
local seen = tonumber(kept[2] or at)
local level = math.max(0, tonumber(kept[1] or 0) - math.max(0, at - seen) * quota / window)
local allowed = owing or level + math.min(cost, quota) <= quota + 1e-6
if allowed then level = level + cost end
if (allowed and cost > 0) or at < seen then
  redis.call('HSET', KEYS[1], 'level', string.format('%.17g', level), 'at', string.format('%.0f', at))
  redis.call('PEXPIRE', KEYS[1], math.ceil(level * window / quota / 1000) + 1)
end
return {allowed and 1 or 0, string.format('%.17g', level)}
"""

# A sorted set of leases by their ends; one that ends later than any can was given before the clock was put back.
_HOLD = """
local now = redis.call('TIME')
local at = now[1] * 1000000 + now[2]
local most, ends = tonumber(ARGV[1]), at + ARGV[2]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', at))
redis.call('ZREMRANGEBYSCORE', KEYS[1], string.format('(%.0f', ends), '+inf')
local held = redis.call('ZCARD', KEYS[1])
if held >= most then return -1 end
redis.call('ZADD', KEYS[1], string.format('%.0f', ends), ARGV[3])
redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[2] / 1000))
return most - held - 1
"""

_MICRO = 1_000_000


class RedisLimiter:
    """Implements `shared.counters.limits.Limiter`. `parts`: how many processes share the limits while Redis is away."""

    def __init__(self, link: RedisLink, parts: int = 1) -> None:
        self._link, self._parts = link, parts
        self._near = MemoryLimiter()

    def take(self, key: str, limit: Limit, cost: int = 1, *, owing: bool = False) -> Decision:
        """Take `cost` units, or none of them; see the port."""
        given = (limit.quota, round(limit.window * _MICRO), cost, int(owing))
        found = self._eval(_TAKE, f"limit:{key}", *given)
        if found is None:
            LIMITS_ALONE.inc()
            return self._near.take(key, limit.part(self._parts), cost, owing=owing)
        allowed, level = found
        return decision(limit, float(level), cost, allowed=bool(allowed))

    def hold(self, key: str, most: int, seconds: float) -> Lease | None:
        """Return a lease of so many seconds, or none while `most` are held."""
        id = uuid.uuid4().hex
        left = self._eval(_HOLD, f"lease:{key}", most, round(seconds * _MICRO), id)
        if left is None:
            LIMITS_ALONE.inc()
            return self._near.hold(key, max(1, most // self._parts), seconds)
        return None if left < 0 else Lease(key, id, left)

    def release(self, lease: Lease) -> None:
        """Give a lease back; one that cannot be reached ends by itself."""
        if lease.near:
            self._near.release(lease)
        else:
            key = self._link.named(f"lease:{lease.key}")
            self._link.asked(lambda redis: redis.zrem(key, lease.id), lambda: None)

    def close(self) -> None:
        """Close the connections."""
        self._link.close()
        self._near.close()

    def _eval(self, script: str, key: str, *values: str | int) -> Any:
        named = self._link.named(key)
        return self._link.asked(lambda redis: redis.eval(script, 1, named, *values), lambda: None)
