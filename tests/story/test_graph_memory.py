"""An embedded graph whose memory is used up is filled anew from the ledger, and nothing is lost or waits for ever."""

from __future__ import annotations

import time
from contextlib import closing
from datetime import timedelta

import pytest

from services.graph import wiring as graph
from services.graph.rebuild import rebuild, verify
from shared.config import Settings
from shared.contracts.codec import Envelope, encode
from shared.contracts.events import PurchaseRecorded
from shared.contracts.topics import COMMERCE
from shared.engines import open_engines

PURCHASES = 2_000
LITTLE_MB = 24  # enough to open a graph and for a batch, and soon used up (settings ask for ten times as much)


@pytest.fixture
def engines(tmp_path):
    little = {"graph_memory_mb": LITTLE_MB, "graph_batch": 100}
    engines = open_engines(Settings(data=tmp_path, refresh_seconds=3600).model_copy(update=little))
    with closing(engines):
        yield engines


def bought(number: int, engines) -> bytes:
    lines = [
        {
            "product_id": f"p{number * 7 % 997 + at}",
            "quantity": 1,
            "unit_price": "1.5",
            "categories": ["Food", f"C{at}"],
        }
        for at in range(10)
    ]
    moment = engines.clock.now() - timedelta(minutes=number)
    data = {"purchase_id": f"b{number}", "user_id": f"u{number % 300}", "purchased_at": moment, "currency": "EUR"}
    purchase = PurchaseRecorded.model_validate(data | {"lines": lines})
    return encode(Envelope("shop", purchase.purchase_id, purchase.user_id, moment.isoformat(), purchase))


@pytest.mark.slow
def test_a_graph_whose_memory_is_used_up_is_filled_anew_and_goes_on(engines):
    service = graph.build(engines)
    service.start()
    first, deadline = engines.knowledge.status()["generation"], time.monotonic() + 100
    engines.bus.publish([bought(number, engines) for number in range(PURCHASES)])
    while engines.bus.lag(graph.GROUP, COMMERCE):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    status, report = engines.knowledge.status(), verify(service.ports)
    service.stop()

    assert status["generation"] > first, "the memory was never used up: the test proves nothing"
    assert (report.equal, status["needs_rebuild"]) == (True, False)


def test_a_graph_that_was_closed_after_its_memory_was_used_up_is_not_trusted_again(engines, tmp_path):
    rebuild(graph.build(engines).ports)
    engines.knowledge.engine.current.wear_out()
    engines.close()
    again = open_engines(engines.settings)
    status = again.knowledge.status()
    again.close()

    assert (status["needs_rebuild"], "used up" in status["reason"]) == (True, True)
