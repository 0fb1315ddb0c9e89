"""A short, fixed part of `make chaos`: up to three faults at once under load; what follows is judged (I1 to I11)."""

from __future__ import annotations

import pytest
from chaos.load import Load
from chaos.plan import plan
from chaos.run import strike

pytestmark = [pytest.mark.servers, pytest.mark.nightly, pytest.mark.timeout(300)]

SEED, SECONDS = 200, 25.0  # ends graph-2 and the gateway, cuts MongoDB and Kafka, kills Neo4j, repeats, contradicts


def test_up_to_three_faults_at_once_lose_and_double_nothing(ground):
    load, strikes = Load(ground.client, SEED), plan(SEED, SECONDS)
    with load.running():
        missed = strike(strikes, SECONDS, ground.faults)
    ground.system.wait_until_ready()
    assert load.drain()
    assert len(missed) <= 2
