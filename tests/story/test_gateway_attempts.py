"""Whose failures count: the peer's, or what so many proxies of ours said of it."""

import dataclasses

import pytest

from services.gateway.wiring import build
from shared.counters.limits_memory import MemoryLimiter
from shared.web.app import create_app

WRONG = {"Authorization": "Bearer wrong"}


@pytest.fixture
def front(served):
    """Return a client of a gateway behind so many proxies, where two failures a minute are too many."""

    def make(proxies):
        settings = served.engines.settings.model_copy(
            update={"trusted_proxies": proxies, "auth_failures_per_minute": 2}
        )
        engines = dataclasses.replace(served.engines, settings=settings, limiter=MemoryLimiter())
        return create_app("test", engines, build(engines).blueprints, {}).test_client()

    return make


def statuses(client, *forwarded, headers=WRONG):
    return [client.get("/v1/users/ann", headers={**headers, "X-Forwarded-For": text}).status_code for text in forwarded]


def test_without_proxies_nobody_chooses_the_address_that_counts(front):
    client = front(0)
    assert [401, 401, 429] == statuses(client, "192.0.2.1", "192.0.2.2", "192.0.2.3")
    refused = client.get("/v1/users/ann", headers=WRONG)
    assert ("/problems/too-many-attempts", "30") == (refused.json["type"], refused.headers["Retry-After"])
    assert "WWW-Authenticate" not in refused.headers


def test_behind_a_proxy_its_word_counts_and_not_the_clients(front):
    client = front(1)
    assert [401, 401, 429] == statuses(client, *(f"10.0.0.{n}, 192.0.2.1" for n in range(3)))
    assert [401] == statuses(client, "192.0.2.1, 192.0.2.2")


def test_no_credential_is_no_failure_and_open_pages_stay_open(front, served):
    client = front(0)
    assert [401] * 5 == [client.get("/v1/users/ann").status_code for _ in range(5)]
    assert [401, 401, 429] == statuses(client, "", "", "")
    assert 200 == client.get("/livez").status_code
    assert 429 == client.get("/v1/users/ann", headers=served.admin).status_code


def test_a_key_at_work_is_not_disturbed_by_a_neighbours_failures(front, served):
    client = front(0)
    assert 200 == client.get("/v1/users/ann", headers=served.admin).status_code
    assert [401, 401, 429] == statuses(client, "", "", "")
    assert 200 == client.get("/v1/users/ann", headers=served.admin).status_code
