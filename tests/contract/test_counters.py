"""What every store of counters guarantees; each engine inherits it."""

import signal
import threading
import time
import uuid
from functools import partial

import pytest

from shared.breakers import Breakers
from shared.counters.memory import MemoryCounters
from shared.counters.redis import RedisCounters
from shared.counters.redis_link import RedisLink
from shared.counters.sqlite import SqliteCounters
from shared.errors import InvalidInputError
from shared.metrics import registry


class Timer:
    """Seconds that pass when they are told to."""

    def __init__(self):
        self.now = 1000.0
        self.pause = 0.0

    def __call__(self):
        if self.pause:
            time.sleep(self.pause)
        return self.now

    def passes(self, seconds):
        self.now += seconds


class Memory:
    """The embedded engine, on a timer of ours."""

    def __init__(self, _):
        self.timer = Timer()
        self.engine = MemoryCounters(timer=self.timer)

    def passes(self, seconds):
        self.timer.passes(seconds)

    def hurry(self):
        self.timer.pause = 0.0001  # whoever looks lets the others run


class File(Memory):
    """The embedded engine that outlives its process."""

    def __init__(self, request):
        super().__init__(request)
        self.engine = SqliteCounters(request.getfixturevalue("tmp_path") / "answers.db", timer=self.timer)


class Redis:
    """Redis has a clock of its own: here it runs twenty times as fast."""

    FASTER = 20

    def __init__(self, request):
        self.engine = RedisCounters(RedisLink(request.getfixturevalue("redis_url"), prefix=f"{uuid.uuid4()}:"))
        for name in ("put", "add"):
            setattr(self.engine, name, partial(self._quick, getattr(self.engine, name)))

    def _quick(self, act, key, value, ttl):
        return act(key, value, ttl / self.FASTER)

    def passes(self, seconds):
        time.sleep(seconds / self.FASTER)

    def hurry(self):
        """Processes race over there anyway."""


@pytest.fixture(params=[Memory, File, pytest.param(Redis, marks=pytest.mark.servers)])
def under_test(request):
    """Open the engine under test."""
    opened = request.param(request)
    yield opened
    opened.engine.close()


@pytest.fixture
def counters(under_test):
    return under_test.engine


class TestCounters:
    """Every engine."""

    def test_a_value_comes_back_until_it_expires(self, counters, under_test):
        counters.put("k", b"\x00v", ttl=10)
        under_test.passes(8)
        assert counters.get("k") == b"\x00v"
        under_test.passes(3)
        assert counters.get("k") is None

    def test_an_unknown_key_has_no_value(self, counters):
        assert counters.get("nobody") is None

    def test_a_put_replaces_the_value_and_its_time(self, counters, under_test):
        counters.put("k", b"1", ttl=10)
        under_test.passes(7)
        counters.put("k", b"2", ttl=10)
        under_test.passes(7)
        assert counters.get("k") == b"2"

    def test_add_keeps_only_the_first(self, counters):
        assert counters.add("k", b"first", ttl=10) is True
        assert counters.add("k", b"second", ttl=10) is False
        assert counters.get("k") == b"first"

    def test_add_keeps_a_value_again_once_the_first_has_expired(self, counters, under_test):
        counters.add("k", b"first", ttl=10)
        under_test.passes(11)
        assert counters.add("k", b"second", ttl=10) is True
        assert counters.get("k") == b"second"

    def test_an_empty_value_is_a_value(self, counters):
        counters.put("k", b"", ttl=10)
        assert counters.get("k") == b""
        assert counters.add("k", b"x", ttl=10) is False

    def test_of_many_that_add_at_once_one_wins(self, counters, under_test):
        start, won = threading.Barrier(8), []
        under_test.hurry()

        def race(me):
            start.wait()
            won.extend(key for key in map(str, range(30)) if counters.add(key, me, ttl=60))

        racers = [threading.Thread(target=race, args=(bytes([n]),)) for n in range(8)]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join()
        assert sorted(map(str, range(30))) == sorted(won)


def test_memory_stays_bounded_and_keeps_what_was_used_last():
    counters = MemoryCounters(max_bytes=100_000)
    counters.put("used", b"x" * 1000, ttl=1000)
    for n in range(1000):
        counters.put(str(n), b"x" * 1000, ttl=1000)
        counters.get("used")
    held = sum(len(counters.get(str(n)) or b"") for n in range(1000))
    assert 50_000 < held < 100_000
    assert counters.get("used") is not None


def test_a_value_larger_than_everything_is_refused():
    counters = MemoryCounters(max_bytes=1000)
    with pytest.raises(InvalidInputError):
        counters.put("k", b"x" * 1000, ttl=10)
    with pytest.raises(InvalidInputError):
        counters.add("k", b"x" * 1000, ttl=10)


@pytest.mark.servers
class TestRedisAway:
    """Redis may go away at any time; nobody waits for it."""

    @pytest.fixture
    def server(self, start_server):
        return start_server("redis")

    def test_a_dead_redis_costs_a_moment_once_and_memory_stands_in(self, server):
        counters = RedisCounters(RedisLink(server.url))
        counters.put("before", b"1", ttl=60)
        server.kill()
        began = time.monotonic()
        counters.put("k", b"v", ttl=60)
        for _ in range(200):
            assert counters.get("k") == b"v"
            assert counters.add("k", b"other", ttl=60) is False
        assert time.monotonic() - began < 0.5
        counters.close()

    def test_a_hung_redis_costs_fifty_milliseconds_at_most(self, server):
        counters = RedisCounters(RedisLink(server.url))
        counters.get("warm")
        server.send(signal.SIGSTOP)
        began = time.monotonic()
        assert counters.add("k", b"v", ttl=60) is True
        lost = time.monotonic() - began
        server.send(signal.SIGCONT)
        counters.close()
        assert lost < 0.2, "40 ms, and what a busy machine adds"

    def test_redis_is_used_again_once_it_is_back(self, server):
        link, breakers = RedisLink(server.url), Breakers()
        breakers.show(link)
        counters, other = RedisCounters(link), RedisCounters(RedisLink(server.url))
        counters.put("k", b"v", ttl=60)
        assert ({"counters": "closed"}, 0) == (breakers.states(), standing())
        server.kill()
        counters.put("k", b"near", ttl=60)
        assert ({"counters": "open"}, 2) == (breakers.states(), standing())
        server.start()
        deadline = time.monotonic() + 5
        while other.get("k") != b"far":
            assert time.monotonic() < deadline
            time.sleep(0.05)
            counters.put("k", b"far", ttl=60)
        assert ({"counters": "closed"}, 0) == (breakers.states(), standing())
        counters.close()
        other.close()


def standing():
    return registry().get_sample_value("tastegraph_breaker_state", {"dependency": "counters"})


def test_a_redis_that_never_was_costs_nothing_but_the_sharing():
    counters = RedisCounters(RedisLink("redis://127.0.0.1:1/0"))
    counters.put("k", b"v", ttl=60)
    assert counters.get("k") == b"v"
    counters.close()
