"""What every limiter guarantees; each engine inherits it."""

import threading
import time
import uuid

import pytest
from redis import Redis as RedisClient

from shared.counters.limits import Limit
from shared.counters.limits_memory import MemoryLimiter
from shared.counters.limits_redis import RedisLimiter
from shared.counters.redis_link import RedisLink

TEN = Limit("ten", 10, 60)


class Memory:
    """The embedded engine, on a timer of ours."""

    def __init__(self, _):
        self.now = 1000.0
        self.engine = MemoryLimiter(timer=self.time)

    def time(self):
        return self.now

    def passes(self, seconds):
        self.now += seconds


class Redis:
    """Redis goes by its own clock: instead of waiting, what it keeps is made older."""

    def __init__(self, request):
        url, self.prefix = request.getfixturevalue("redis_url"), f"{uuid.uuid4()}:"
        self.client = RedisClient.from_url(url)
        self.engine = RedisLimiter(RedisLink(url, prefix=self.prefix))

    def passes(self, seconds):
        for key in self.client.keys(f"{self.prefix}limit:*"):
            self.client.hincrbyfloat(key, "at", -seconds * 1e6)
        for key in self.client.keys(f"{self.prefix}lease:*"):
            for lease in self.client.zrange(key, 0, -1):
                self.client.zincrby(key, -seconds * 1e6, lease)


@pytest.fixture(params=[Memory, pytest.param(Redis, marks=pytest.mark.servers)])
def under_test(request):
    """Open the engine under test."""
    opened = request.param(request)
    yield opened
    opened.engine.close()


@pytest.fixture
def limiter(under_test):
    return under_test.engine


class TestTaking:
    """Every engine."""

    def test_as_much_as_the_quota_is_had_at_once_and_no_more(self, limiter):
        had = [limiter.take("k", TEN) for _ in range(12)]
        assert [True] * 10 + [False] * 2 == [each.allowed for each in had]
        assert [*range(9, -1, -1), 0, 0] == [each.remaining for each in had]

    def test_what_was_taken_comes_back_evenly(self, limiter, under_test):
        limiter.take("k", TEN, 10)
        under_test.passes(5.9)
        assert not limiter.take("k", TEN).allowed
        under_test.passes(0.2)
        assert limiter.take("k", TEN).allowed
        assert not limiter.take("k", TEN).allowed
        under_test.passes(600)
        assert limiter.take("k", TEN, 10).allowed

    def test_a_refusal_says_when_it_would_be_granted_and_takes_nothing(self, limiter, under_test):
        limiter.take("k", TEN, 8)
        refused = limiter.take("k", TEN, 5)
        assert (False, 2) == (refused.allowed, refused.remaining)
        assert 18 == pytest.approx(refused.wait, abs=0.5)
        assert 48 == pytest.approx(refused.reset, abs=0.5)
        under_test.passes(refused.wait + 0.01)
        assert limiter.take("k", TEN, 5).allowed

    def test_looking_takes_nothing(self, limiter):
        assert (True, 10) == (limiter.take("k", TEN, 0).allowed, limiter.take("k", TEN, 0).remaining)
        limiter.take("k", TEN, 4)
        assert 6 == limiter.take("k", TEN, 0).remaining

    def test_keys_are_apart(self, limiter):
        limiter.take("one", TEN, 10)
        assert 10 == limiter.take("other", TEN, 0).remaining

    def test_a_cost_beyond_the_quota_is_had_when_that_is_whole_and_owed(self, limiter, under_test):
        assert limiter.take("k", TEN, 25).allowed
        under_test.passes(90)
        refused = limiter.take("k", TEN)
        assert not refused.allowed
        assert 6 == pytest.approx(refused.wait, abs=0.5)
        under_test.passes(61)
        assert limiter.take("k", TEN, 25).allowed

    def test_what_is_owed_is_always_taken(self, limiter, under_test):
        limiter.take("k", TEN, 10)
        assert limiter.take("k", TEN, 5, owing=True).allowed
        under_test.passes(29)
        assert 0 == limiter.take("k", TEN, 0).remaining
        under_test.passes(8)
        assert 1 == limiter.take("k", TEN, 0).remaining

    def test_fractions_never_add_up_to_one_more(self, limiter, under_test):
        odd = Limit("odd", 7, 60)
        had = 0
        for _ in range(200):
            under_test.passes(1.0)
            had += limiter.take("k", odd).allowed
        assert 7 + int(200 * 7 / 60) - 1 <= had <= 7 + int(200 * 7 / 60) + 1

    def test_of_many_at_once_exactly_the_quota_is_let_through(self, limiter):
        slow, start, had = Limit("slow", 100, 86_400), threading.Barrier(16), []

        def take():
            start.wait()
            had.extend(limiter.take("k", slow).allowed for _ in range(20))

        takers = [threading.Thread(target=take) for _ in range(16)]
        for taker in takers:
            taker.start()
        for taker in takers:
            taker.join()
        assert (320, 100) == (len(had), sum(had))


class TestHolding:
    """Every engine."""

    def test_no_more_leases_are_held_at_once_than_may_be(self, limiter):
        held = [limiter.hold("k", 2, 60) for _ in range(3)]
        assert [1, 0] == [each.left for each in held[:2]]
        assert held[2] is None
        assert limiter.hold("other", 2, 60)

    def test_a_lease_that_was_given_back_can_be_had_again(self, limiter):
        lease = limiter.hold("k", 1, 60)
        limiter.release(lease)
        again = limiter.hold("k", 1, 60)
        limiter.release(lease)  # twice, or late: another's lease is not touched
        assert again is not None
        assert limiter.hold("k", 1, 60) is None

    def test_a_lease_that_nobody_gives_back_ends(self, limiter, under_test):
        limiter.hold("k", 1, 60)
        under_test.passes(59)
        assert limiter.hold("k", 1, 60) is None
        under_test.passes(2)
        assert limiter.hold("k", 1, 60)


def test_memory_forgets_what_was_used_longest_ago():
    limiter = MemoryLimiter(most_keys=100)
    for n in range(500):
        limiter.take(str(n), TEN, 10)
    assert 100 == len(limiter._levels)
    assert not limiter.take("499", TEN).allowed


@pytest.mark.servers
class TestRedis:
    """What only Redis has."""

    @pytest.fixture
    def redis(self, request):
        opened = Redis(request)
        yield opened
        opened.engine.close()

    def test_processes_keep_a_limit_together(self, redis, redis_url):
        other = RedisLimiter(RedisLink(redis_url, prefix=redis.prefix))
        redis.engine.take("k", TEN, 6)
        assert not other.take("k", TEN, 5).allowed
        assert other.hold("k", 1, 60)
        assert redis.engine.hold("k", 1, 60) is None
        other.close()

    def test_a_clock_that_went_back_an_hour_locks_nobody_out(self, redis):
        redis.engine.take("k", TEN, 10)
        redis.engine.hold("k", 1, 60)
        redis.passes(-3600)  # what is kept now comes from the future
        assert not redis.engine.take("k", TEN).allowed
        redis.passes(6.1)
        assert redis.engine.take("k", TEN).allowed
        assert redis.engine.hold("k", 1, 60)

    def test_what_is_whole_again_leaves_nothing_behind(self, redis):
        redis.engine.take("k", Limit("short", 10, 0.2), 10)
        redis.engine.hold("k", 1, 0.2)
        assert redis.client.keys(f"{redis.prefix}*")
        time.sleep(0.3)
        assert [] == redis.client.keys(f"{redis.prefix}*")
