"""Quotas of what is made, on every history."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from services.gateway.quotas import Quotas
from shared.auth import Principal, create_key, limit_key
from shared.clock import FixedClock
from shared.config import Settings
from shared.web.limiting import QuotaExceededError

EVENING = datetime(2026, 5, 30, 22, tzinfo=UTC)


@pytest.fixture
def clock():
    return FixedClock(EVENING)


@pytest.fixture
def reopen(reopen_history, clock):
    return lambda: reopen_history(clock)


@pytest.fixture
def history(reopen):
    return reopen()


def quotas_of(history, clock, emails="3/5"):
    return Quotas(history, clock, Settings(quota_emails=emails))


def made(quotas, count, **options):
    """Charge so many, and return how many were allowed."""
    allowed = 0
    for _ in range(count):
        try:
            quotas.charge("s", "emails", **options)
        except QuotaExceededError:
            continue
        allowed += 1
    return allowed


class TestQuotas:
    """Every history."""

    def test_a_day_and_a_month_have_their_end_and_begin_anew(self, history, clock):
        quotas = quotas_of(history, clock)
        assert 3 == made(quotas, 4)
        clock.moment = datetime(2026, 5, 31, 1, tzinfo=UTC)
        assert 2 == made(quotas, 4), "the month's five"
        clock.moment = datetime(2026, 6, 1, 0, tzinfo=UTC)
        assert 3 == made(quotas, 4)

    def test_a_refusal_names_the_quota_and_when_it_ends(self, history, clock):
        quotas = quotas_of(history, clock, "1/0")
        quotas.charge("s", "emails")
        with pytest.raises(QuotaExceededError) as refused:
            quotas.charge("s", "emails")
        assert ("emails-day", 2 * 3600) == (refused.value.policy, refused.value.wait)

    def test_shops_and_kinds_are_apart_and_no_quota_is_no_bound(self, history, clock):
        quotas = quotas_of(history, clock, "1/1")
        quotas.charge("s", "emails")
        quotas.charge("other", "emails")
        for _ in range(5):
            quotas.charge("s", "boards")

    def test_what_was_not_made_is_given_back_to_its_own_day(self, history, clock):
        quotas = quotas_of(history, clock)
        receipt = quotas.charge("s", "emails")
        quotas.give_back(receipt)
        assert 3 == made(quotas, 3)
        late = quotas.give_back
        clock.moment = datetime(2026, 6, 1, 0, tzinfo=UTC)
        assert 3 == made(quotas, 3)
        late(receipt)  # of May: June gets nothing back
        assert 0 == made(quotas, 1)

    def test_a_key_has_a_quota_of_its_own_within_the_shops(self, history, clock):
        _, document = create_key(history, "s", ["emails:write"], "test", clock)
        limit_key(history, document, {"emails": "1/0"})
        who = Principal("s", document.id, frozenset({"emails:write"}))
        quotas = quotas_of(history, clock)
        assert 1 == made(quotas, 3, who=who)
        assert 2 == made(quotas, 3), "the refused ones cost the shop nothing"

    def test_of_many_gateways_none_lets_more_through_than_there_is(self, history, clock):
        desks = [quotas_of(history, clock, "20/0") for _ in range(3)]
        with ThreadPoolExecutor(6) as pool:
            allowed = sum(pool.map(lambda n: made(desks[n % 3], 10), range(6)))
        assert 20 == allowed
