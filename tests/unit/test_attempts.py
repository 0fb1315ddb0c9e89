"""Failed attempts: limited per address and per key id, and never to the harm of who has a key that works."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.auth import AuthenticationError, Principal, Verified
from shared.clock import FixedClock, to_ms
from shared.counters.limits_memory import MemoryLimiter
from shared.errors import UnavailableError
from shared.web.attempts import Attempts, TooManyAttemptsError, counted
from shared.web.authenticator import Authenticator

GOOD, KEY_ID = "good", "abcdefghijkl"
NOW = datetime(2026, 11, 3, 10, tzinfo=UTC)


def wrong_key(number):
    return f"tg_test_{KEY_ID}_{number:043d}{0:08x}"


class Ground:
    lasts_ms = 0  # it ends at once, and is asked again

    def __init__(self, per_minute=3):
        self.asked, self.ended, self.away, self.seconds = [], False, False, 0.0
        self.clock = FixedClock(NOW)
        limiter = MemoryLimiter(timer=lambda: self.seconds)
        self.authenticator = Authenticator(self.verify, self.clock, Attempts(limiter, per_minute))

    def verify(self, text):
        self.asked.append(text)
        if self.away:
            raise UnavailableError("away")
        if text != GOOD or self.ended:
            raise AuthenticationError
        return Verified(Principal("demo", KEY_ID, frozenset()), to_ms(self.clock.now()) + self.lasts_ms)

    def tried(self, text, address="192.0.2.1"):
        try:
            self.authenticator.authenticate(text, address)
        except (AuthenticationError, TooManyAttemptsError) as error:
            return type(error)
        return None


@pytest.fixture
def ground():
    return Ground()


def test_an_address_with_too_many_failures_is_not_looked_at(ground):
    assert [AuthenticationError] * 3 == [ground.tried(f"wrong-{number}") for number in range(3)]
    assert [TooManyAttemptsError] * 2 == [ground.tried("wrong-4"), ground.tried(GOOD)]
    assert 3 == len(ground.asked)
    assert ground.tried(GOOD, "192.0.2.2") is None
    ground.seconds = 21.0
    assert ground.tried(GOOD) is None


def test_what_worked_lately_is_looked_at_whatever_its_address_sends(ground):
    assert ground.tried(GOOD) is None
    for number in range(5):
        ground.tried(f"wrong-{number}")
    assert ground.tried(GOOD) is None
    ground.ended = True
    assert AuthenticationError is ground.tried(GOOD)
    assert TooManyAttemptsError is ground.tried(GOOD)


def test_a_key_id_is_limited_from_everywhere_and_its_key_still_works(ground):
    seen = [ground.tried(wrong_key(number), f"192.0.2.{number}") for number in range(5)]
    assert [AuthenticationError] * 3 + [TooManyAttemptsError] * 2 == seen
    assert ground.tried(GOOD, "192.0.2.200") is None


def test_a_credential_that_worked_lately_stands_while_nobody_can_be_asked_until_it_ends(ground):
    ground.lasts_ms = 60_000
    assert ground.tried(GOOD) is None
    ground.away = True
    ground.authenticator._seen.clear()  # half a minute is over
    assert ground.tried(GOOD) is None
    with pytest.raises(UnavailableError):
        ground.tried("never seen")
    ground.authenticator._seen.clear()
    ground.clock.moment += timedelta(minutes=2)
    with pytest.raises(UnavailableError):
        ground.tried(GOOD)


def test_no_limit_is_none():
    ground = Ground(per_minute=0)
    assert [AuthenticationError] * 50 == [ground.tried(wrong_key(number)) for number in range(50)]


def test_a_refusal_says_when_to_come_back(ground):
    for number in range(3):
        ground.tried(f"wrong-{number}")
    with pytest.raises(TooManyAttemptsError) as refused:
        ground.authenticator.authenticate("wrong", "192.0.2.1")
    assert 20 == refused.value.wait


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:4711", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[2001:db8::1]", "2001:db8::"),
        ("nobody", "unknown"),
        (None, "unknown"),
    ],
)
def test_an_address_is_counted_as_what_one_client_has(address, expected):
    assert expected == counted(address)
