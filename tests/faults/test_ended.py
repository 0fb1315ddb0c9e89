"""Services told to end under load: no request in hand fails, the exit status is 0 within 25 seconds (FAULTS 46)."""

from __future__ import annotations

import time
from contextlib import contextmanager

import pytest
from chaos.client import Item
from chaos.load import Load
from chaos.plan import WORKERS
from faults.system_ground import SHOP, Outcome, until
from story.processes import Reader, Shopper, purchase

pytestmark = [pytest.mark.servers, pytest.mark.nightly]

OFTEN = 50
_IN_DOUBT = 10.0  # seconds to send again what was in doubt each time that a service was away again


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", WORKERS)
def test_a_service_that_is_told_to_end_under_load_ends_well(ground, name):
    end_under_load(ground, name, 1)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", WORKERS)
def test_a_service_that_is_told_to_end_fifty_times_under_load_ends_well_each_time(ground, name):
    end_under_load(ground, name, OFTEN)


def end_under_load(ground, name, times):
    load = Load(ground.client, next(ground.numbers))
    with load.running():
        for _ in range(times):
            end(ground, name)
    assert load.drain((times - 1) * _IN_DOUBT)


def end(ground, name):
    worker = ground.worker(name)
    with shopping(ground, name) as shoppers:
        time.sleep(1.5)
        worker.held = True
        begun = time.monotonic()
        worker.end()  # notes an end that is none or not well
        took = time.monotonic() - begun
    worker.start()
    worker.held = False
    failed = [told for shopper in shoppers for told in shopper.failed]
    assert (worker.bad_ends, failed) == ([], []), failed
    assert all(shopper.accepted for shopper in shoppers)
    assert took < 25
    until(lambda: worker.answers("/readyz") == 200)


@contextmanager
def shopping(ground, name):
    """Keep a service that speaks HTTP busy until it has closed its door; the others have work by the load."""
    kind = {"ingest": Shopper, "gateway": Reader}.get(name)
    first, port, key = next(ground.numbers) * 1_000_000, ground.worker(name).port, ground.system.keys[SHOP]
    shoppers = [kind(port, key, first + n * 100_000, keep_alive=n % 2 > 0) for n in range(4)] if kind else []
    for shopper in shoppers:
        shopper.start()
    yield shoppers
    for shopper in shoppers:
        shopper.join(20)
    bought = [int(id[1:]) for shopper in shoppers if type(shopper) is Shopper for id in shopper.accepted]
    told = [Item(SHOP, "purchases", purchase(number)) for number in bought]
    ground.journal.note(*(each.attempt(Outcome.OK, 202) for each in told))
