"""Redis down, hung, cut off, flushed, full: limits are kept nearby, nobody waits long, nothing fails (FAULTS 28)."""

import signal
import time
import uuid

import pytest
import redis as driver
from servers.toxiproxy import Proxy

from shared.counters.limits import Limit
from shared.counters.limits_redis import RedisLimiter
from shared.counters.redis_link import RedisLink

pytestmark = pytest.mark.servers

TEN = Limit("ten", 10, 3600)
MOST = 0.045 + 0.1  # what the link may lose, and what a busy machine adds


def dead(ground):
    ground.server.kill()
    return ground.server.start


def hung(ground):
    ground.server.send(signal.SIGSTOP)
    return lambda: ground.server.send(signal.SIGCONT)


def cut(ground):
    ground.way.cut()
    return ground.way.mend


def silent(ground):
    ground.way.hang()
    return ground.way.mend


def full(ground):
    ground.client.config_set("maxmemory", 1)
    return lambda: ground.client.config_set("maxmemory", 0)


class Ground:
    """A server of its own behind a proxy, and two processes' limiters that each have half while it is away."""

    def __init__(self, start_server):
        self.server, proxy = start_server("redis"), start_server("toxiproxy")
        self.way = Proxy.to(proxy, uuid.uuid4().hex, self.server.port)
        self.client = driver.Redis.from_url(self.server.url)
        self.url = self.server.url.replace(str(self.server.port), str(self.way.port))
        self.limiters = [RedisLimiter(RedisLink(self.url), parts=2) for _ in range(2)]


@pytest.fixture(scope="module")
def ground(start_server):
    return Ground(start_server)


def timed(limiter, key):
    began = time.monotonic()
    return limiter.take(key, TEN), time.monotonic() - began


@pytest.mark.parametrize("harm", [dead, hung, cut, silent, full])
def test_each_process_keeps_its_part_alone_and_comes_back(ground, harm):
    key = uuid.uuid4().hex
    for limiter in ground.limiters:
        eventually_together(ground, limiter)
    mend = harm(ground)
    try:
        taken = [timed(limiter, key) for limiter in ground.limiters for _ in range(8)]
        lease = ground.limiters[0].hold(key, 4, 60)
        assert [True] * 5 + [False] * 3 == [had.allowed for had, _ in taken[:8]]
        assert [True] * 5 + [False] * 3 == [had.allowed for had, _ in taken[8:]]
        slow = sorted((seconds for _, seconds in taken), reverse=True)
        assert slow[0] < MOST, slow
        assert slow[2] < 0.02, "one call of each process finds out, and no other waits"
        assert (True, 1) == (lease.near, lease.left)
    finally:
        mend()
    for limiter in ground.limiters:
        eventually_together(ground, limiter)


def eventually_together(ground, limiter):
    """See that a limiter counts in Redis, where others see it."""
    deadline, key = time.monotonic() + 10, uuid.uuid4().hex
    while True:
        limiter.take(key, TEN)
        try:
            if ground.client.exists(f"tastegraph:limit:{key}"):
                return
        except driver.RedisError:
            pass
        assert time.monotonic() < deadline, "it did not come back"
        time.sleep(0.05)


def test_a_flushed_redis_begins_anew(ground):
    key, limiter = uuid.uuid4().hex, ground.limiters[0]
    eventually_together(ground, limiter)
    assert limiter.take(key, TEN, 10).allowed
    ground.client.flushall()
    ground.client.script_flush()
    assert limiter.take(key, TEN).remaining == 9
