"""MongoDB's own trials: death in mid-record without transactions, two recorders, an away server, erasure to the end."""

import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from pymongo import MongoClient
from pymongo.errors import AutoReconnect

from shared.bus.port import Position
from shared.contracts.events import Kind
from shared.errors import InvalidInputError, UnavailableError
from shared.history import ledger_mongo
from shared.history.mongo import MongoHistory
from shared.history.port import Entry, Outcome, TrendQuery

pytestmark = pytest.mark.servers

NEW, REDELIVERED, CONFLICT = Outcome.NEW, Outcome.REDELIVERED, Outcome.CONFLICT
NOON = 1_777_800_000_000


@pytest.fixture
def url(mongodb_url):
    name = f"test-mongo-{time.monotonic_ns()}"
    yield f"{mongodb_url.rpartition('/')[0]}/{name}"
    with MongoClient(mongodb_url) as client:
        client.drop_database(name)


@pytest.fixture
def history(url):
    opened = MongoHistory(url)
    yield opened
    opened.close()


def at(offset: int, partition: int = 0) -> Position:
    return Position("log-1", "commerce.purchases.v1", partition, offset)


def bought(id_: str, offset: int, *, user: str = "ann", price: str = "1.99", partition: int = 0) -> Entry:
    line = {"product_id": "milk", "quantity": "1", "unit_price": price, "categories": ["Grocery", "Dairy"]}
    data = json.dumps({"purchase_id": id_, "user_id": user, "currency": "EUR", "lines": [line]}).encode()
    type_ = "com.tastegraph.purchase.recorded.v1"
    digest = f"digest of {id_} at {price}"
    return Entry("shop", Kind.PURCHASE, id_, digest, at(offset, partition), user, None, NOON, type_, data)


@pytest.mark.parametrize("step", ["put_shelves", "_add", "_advance"])
def test_what_was_recorded_by_half_is_whole_after_its_redelivery(history, monkeypatch, step):
    batch = [bought("b1", 0), bought("b1", 1, price="9"), bought("b2", 2)]

    def die(*_):
        raise AutoReconnect("the server went away")

    with monkeypatch.context() as broken:
        where = ledger_mongo.MongoLedger if step == "_add" else ledger_mongo
        broken.setattr(where, step, die)
        with pytest.raises(UnavailableError, match="AutoReconnect"):
            history.record(batch, [at(2)])
    assert history.watermarks() == []
    assert [REDELIVERED, CONFLICT, REDELIVERED] == history.record(batch, [at(2)])
    assert ([at(2)], 1) == (history.watermarks(), len(history.conflicts("shop").items))
    (dairy, grocery) = history.trends(TrendQuery("shop", by="category"))
    assert ("Grocery", 2, "Grocery/Dairy", 2) == (dairy.key, dairy.count, grocery.key, grocery.count)


def test_of_two_contents_that_race_on_two_nodes_one_stands_and_the_other_is_quarantined(history, url):
    other = MongoHistory(url)
    ids = [f"b{n}" for n in range(40)]

    def record(ledger: MongoHistory, partition: int, price: str) -> list[Outcome]:
        return [ledger.record([bought(id_, n, partition=partition, price=price)])[0] for n, id_ in enumerate(ids)]

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(record, history, 0, "1")
        second = pool.submit(record, other, 1, "2")
        pairs = list(zip(first.result(), second.result(), strict=True))
    assert all(sorted(pair) == [CONFLICT, NEW] for pair in pairs)
    assert (40, 40) == (len(list(history.replay())), len(history.conflicts("shop").items))
    other.close()


def test_no_trace_of_the_erased_is_left_in_the_database(history, url):
    gone = bought("b1", 0, user="ann-the-erased")
    history.record([gone, replace(bought("b1", 1, price="9"), user_id="ann-the-erased", data=gone.data)])
    history.record([bought("b2", 2, user="bob-who-stays")])
    history.erase("shop", "ann-the-erased", NOON + 1)
    with MongoClient(url) as client:
        database = client.get_default_database()
        held = str([list(database[name].find()) for name in database.list_collection_names()])
    assert (False, True) == ("ann-the-erased" in held, "bob-who-stays" in held)


def test_what_could_never_be_kept_is_refused_for_good(history):
    with pytest.raises(InvalidInputError):
        history.record([replace(bought("b1", 0), at=2**64)])
    assert list(history.replay()) == []


@pytest.mark.slow
def test_a_dead_server_is_unavailable_within_its_time_and_serves_again_when_it_is_back(start_server):
    server = start_server("mongodb")
    history = MongoHistory(f"{server.url}?serverSelectionTimeoutMS=2000&socketTimeoutMS=2000")
    history.record([bought("b1", 0)], [at(0)])
    server.kill()
    for ask in (history.shops, lambda: history.record([bought("b2", 1)]), lambda: history.get("c", "s", "1")):
        began = time.monotonic()
        with pytest.raises(UnavailableError, match="does not answer"):
            ask()
        assert time.monotonic() - began < 10
    server.start()
    assert [NEW] == history.record([bought("b2", 1)], [at(1)])
    history.close()


def test_a_hung_server_is_unavailable_within_its_time(start_server):
    server = start_server("mongodb")
    history = MongoHistory(f"{server.url}?serverSelectionTimeoutMS=2000&socketTimeoutMS=2000")
    history.record([bought("b1", 0)])
    server.send(signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(UnavailableError):
        history.record([bought("b2", 1)])
    assert time.monotonic() - began < 10
    server.send(signal.SIGCONT)
    history.close()
