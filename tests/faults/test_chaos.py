"""A fixed part of `make chaos`: up to three faults at once under load; what follows is judged (I1 to I11)."""

from __future__ import annotations

import pytest
from chaos.load import Load
from chaos.plan import plan
from chaos.run import strike

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(600)]

SHORT = (1992, 16.0)  # repeats, contradicts, cuts Kafka, slows MongoDB, and kills graph-2 meanwhile
LONGER = (200, 25.0)  # ends graph-2 and the gateway, cuts MongoDB and Kafka, kills Neo4j, repeats, contradicts


@pytest.mark.parametrize(("seed", "seconds"), [SHORT, pytest.param(*LONGER, marks=pytest.mark.nightly)])
def test_up_to_three_faults_at_once_lose_and_double_nothing(ground, seed, seconds):
    load, strikes = Load(ground.client, seed), plan(seed, seconds)
    with load.running():
        missed = strike(strikes, seconds, ground.faults)
    ground.system.wait_until_ready()
    assert load.drain()
    assert len(missed) <= 2
