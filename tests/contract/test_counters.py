"""What every store of counters guarantees; an engine is one line in `ENGINES`."""

import threading
import time

import pytest

from shared.counters.memory import MemoryCounters
from shared.errors import InvalidInputError

ENGINES = {"memory": lambda timer: MemoryCounters(timer=timer)}


class Timer:
    """Seconds that pass when they are told to."""

    def __init__(self):
        self.now = 1000.0
        self.pause = 0.0

    def __call__(self):
        if self.pause:
            time.sleep(self.pause)
        return self.now


@pytest.fixture
def timer():
    return Timer()


@pytest.fixture(params=ENGINES.values(), ids=ENGINES.keys())
def counters(request, timer):
    """Open the engine under test."""
    engine = request.param(timer)
    yield engine
    engine.close()


class TestCounters:
    """Every engine."""

    def test_a_value_comes_back_until_it_expires(self, counters, timer):
        counters.put("k", b"\x00v", ttl=10)
        timer.now += 9.9
        assert counters.get("k") == b"\x00v"
        timer.now += 0.2
        assert counters.get("k") is None

    def test_an_unknown_key_has_no_value(self, counters):
        assert counters.get("nobody") is None

    def test_a_put_replaces_the_value_and_its_time(self, counters, timer):
        counters.put("k", b"1", ttl=10)
        timer.now += 9
        counters.put("k", b"2", ttl=10)
        timer.now += 9
        assert counters.get("k") == b"2"

    def test_add_keeps_only_the_first(self, counters):
        assert counters.add("k", b"first", ttl=10) is True
        assert counters.add("k", b"second", ttl=10) is False
        assert counters.get("k") == b"first"

    def test_add_keeps_a_value_again_once_the_first_has_expired(self, counters, timer):
        counters.add("k", b"first", ttl=10)
        timer.now += 11
        assert counters.add("k", b"second", ttl=10) is True
        assert counters.get("k") == b"second"

    def test_an_empty_value_is_a_value(self, counters):
        counters.put("k", b"", ttl=10)
        assert counters.get("k") == b""
        assert counters.add("k", b"x", ttl=10) is False

    def test_of_many_that_add_at_once_one_wins(self, counters, timer):
        start, won = threading.Barrier(8), []
        timer.pause = 0.0001  # whoever looks lets the others run

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
