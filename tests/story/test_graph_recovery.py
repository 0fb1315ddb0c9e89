"""What can befall the graph on the real engines: damage, loss, rebuild; the digest after is the one before."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from services.graph.handlers import catch_up, project
from services.graph.ports import GraphPorts
from services.graph.rebuild import rebuild, repair, restore, snapshot, verify
from shared.bus.dispatch import batches
from shared.bus.sqlite import SqliteBus
from shared.clock import SystemClock
from shared.contracts.codec import Envelope, encode
from shared.contracts.events import InterestExpressed, ProductUpdated, PurchaseRecorded, PurchaseRefunded, UserErased
from shared.contracts.topics import COMMERCE
from shared.errors import UnavailableError
from shared.history.sqlite import SqliteHistory
from shared.knowledge.ladybug import LadybugKnowledge
from shared.knowledge.rows import digest
from shared.objects.files import FileObjects

NOW = datetime(2026, 5, 3, 10, tzinfo=UTC)


class Runtime:
    """The graph service's engines in a directory; closed and opened again as a process would."""

    def __init__(self, directory) -> None:
        self.directory = directory
        directory.mkdir(exist_ok=True)
        self.bus = SqliteBus(directory / "bus.db")
        self.history = SqliteHistory(directory / "history.db")
        self.knowledge = LadybugKnowledge(directory / "knowledge", memory_mb=256)
        self.ports = GraphPorts(
            self.bus, self.history, self.knowledge, FileObjects(directory / "objects"), SystemClock()
        )

    def close(self) -> None:
        self.knowledge.close()
        self.history.close()
        self.bus.close()

    def graph_file(self):
        (file,) = (self.directory / "knowledge").glob("gen-*/graph.lbug")
        return file


@pytest.fixture
def opened(tmp_path):
    running: list[Runtime] = []

    def open_again() -> Runtime:
        while running:
            running.pop().close()
        running.append(Runtime(tmp_path))
        return running[-1]

    yield open_again
    while running:
        running.pop().close()


def envelope(data, id: str, user: str, shop: str = "shop") -> bytes:
    return encode(Envelope(shop, id, user, NOW.isoformat(), data))


def a_shops_month(seed: int = 7, purchases: int = 120) -> list:
    chance = random.Random(seed)  # noqa: S311 (the same month every time)
    messages = []
    for number in range(purchases):
        user, moment = f"u{chance.randrange(12)}", NOW - timedelta(minutes=chance.randrange(40_000))
        lines = [
            {
                "product_id": f"p{chance.randrange(40)}",
                "quantity": chance.choice([1, 2, "0.5"]),
                "unit_price": "1.99",
                "name": f"Thing {number % 7}",
                "categories": ["Grocery", chance.choice(["Dairy", "Bread", "Wine"])],
            }
            for _ in range(chance.randrange(1, 5))
        ]
        bought = {"purchase_id": f"b{number}", "user_id": user, "purchased_at": moment, "currency": "EUR"}
        messages.append(envelope(PurchaseRecorded(**bought, lines=lines), f"b{number}", user))
        if number % 10 == 0:
            messages += _and_so_on(number, user, moment)
    return messages


def _and_so_on(number: int, user: str, moment: datetime) -> list:
    back = PurchaseRefunded(
        refund_id=f"r{number}",
        purchase_id=f"b{number}",
        user_id=user,
        refunded_at=moment,
        currency="EUR",
        lines=[{"product_id": "p1", "quantity": 1}],
    )
    wish = InterestExpressed(interest_id=f"i{number}", user_id=user, name="Hiking", score="0.7", expressed_at=moment)
    fact = ProductUpdated(event_id=f"c{number}", product_id=f"p{number % 40}", updated_at=moment, brand="Acme")
    return [
        envelope(back, f"r{number}", user),
        envelope(wish, f"i{number}", user),
        envelope(fact, f"c{number}", f"p{number % 40}"),
    ]


def grown(runtime: Runtime) -> dict[str, str]:
    """Let a month flow through log, ledger and graph; return the digests."""
    repair(runtime.ports)
    runtime.bus.publish(a_shops_month())
    catch_up(runtime.ports)
    report = verify(runtime.ports)
    assert report.equal
    return dict(report.graph)


def test_a_graph_that_grew_equals_the_one_rebuilt_from_its_ledger(opened):
    runtime = opened()
    before = grown(runtime)
    assert before == rebuild(runtime.ports).graph == verify(runtime.ports).graph


def test_shuffled_threefold_and_late_events_end_in_the_same_digest(opened, tmp_path):
    before = grown(opened())
    other = Runtime(tmp_path / "other")
    repair(other.ports)
    messages = a_shops_month() * 3
    random.Random(1).shuffle(messages)  # noqa: S311 (the same disorder every time)
    other.bus.publish(messages)
    catch_up(other.ports)
    after = verify(other.ports)
    other.close()
    assert (True, before) == (after.equal, after.graph)


def test_a_wiped_directory_is_found_named_and_mended(opened, tmp_path):
    before = grown(opened())
    shutil.rmtree(tmp_path / "knowledge")
    runtime = opened()
    found = verify(runtime.ports)
    assert (found.equal, found.damage) == (False, "no graph was found")
    assert before == repair(runtime.ports).graph == verify(runtime.ports).graph


@pytest.mark.parametrize("seed", range(5))
def test_a_flipped_byte_is_found_named_and_mended(opened, seed):
    runtime = opened()
    before = grown(runtime)
    file = runtime.graph_file()
    runtime.close()
    data = bytearray(file.read_bytes())
    data[random.Random(seed).randrange(len(data))] ^= 0x10  # noqa: S311 (the same byte every time)
    file.write_bytes(data)
    again = Runtime(runtime.directory)
    found = verify(again.ports)
    mended = repair(again.ports)
    after = verify(again.ports)
    again.close()
    assert not found.equal
    assert "not what it was" in found.damage
    assert (True, before, before) == (after.equal, mended.graph, after.graph)


def test_a_file_that_stops_the_process_is_given_up_after_two_attempts(opened):
    runtime = opened()
    before = grown(runtime)
    file = runtime.graph_file()
    runtime.close()
    (file.parent / "OPENING").write_text("2")
    again = Runtime(runtime.directory)
    found = verify(again.ports)
    mended = repair(again.ports)
    again.close()
    assert "stopped the process" in found.damage
    assert before == mended.graph


def test_a_torn_file_is_found_named_and_mended(opened):
    runtime = opened()
    before = grown(runtime)
    file = runtime.graph_file()
    runtime.close()
    (file.parent / "SEAL").unlink()  # as if the process had been killed
    file.write_bytes(file.read_bytes()[:5_000])
    again = Runtime(runtime.directory)
    found = verify(again.ports)
    mended = repair(again.ports)
    again.close()
    assert not found.equal
    assert before == mended.graph


def test_what_another_worker_has_recorded_but_not_yet_passed_is_left_to_it(opened, monkeypatch):
    runtime = opened()
    before = grown(runtime)
    passed = runtime.history.watermarks()
    monkeypatch.setattr(runtime.history, "watermarks", lambda: [replace(at, offset=at.offset - 3) for at in passed])
    rebuild(runtime.ports)
    assert verify(runtime.ports).equal
    monkeypatch.undo()
    catch_up(runtime.ports)
    after = verify(runtime.ports)
    assert (True, before) == (after.equal, after.graph)


def test_readers_have_the_old_graph_until_the_rebuilt_one_takes_over(opened):
    runtime = opened()
    grown(runtime)
    rows = runtime.knowledge.rows("shop")
    next(rows)
    first = runtime.knowledge.status()["generation"]
    rebuild(runtime.ports)
    assert first + 1 == runtime.knowledge.status()["generation"]


def test_a_snapshot_brings_back_what_it_held_and_the_log_the_rest(opened, tmp_path):
    runtime = opened()
    grown(runtime)
    snapshot(runtime.ports, str(tmp_path / "copy"))
    runtime.bus.publish(a_shops_month(seed=8, purchases=140)[130:])
    catch_up(runtime.ports)
    before = verify(runtime.ports).graph
    assert (True, before) == ((report := restore(runtime.ports, str(tmp_path / "copy"))).equal, report.graph)


def test_an_erased_person_stays_away_through_a_rebuild(opened):
    runtime = opened()
    grown(runtime)
    runtime.bus.publish([envelope(UserErased(event_id="x", user_id="u1", erased_at=NOW), "x", "u1")])
    catch_up(runtime.ports)
    live = verify(runtime.ports)
    built = rebuild(runtime.ports)
    assert (True, live.graph) == (live.equal, built.graph)
    assert not [key for key, _ in runtime.knowledge.rows("shop") if "u1" in key]


def test_an_event_shows_in_the_graph_within_a_second(opened):
    runtime = opened()
    grown(runtime)
    handler = batches(partial(project, ports=runtime.ports), bus=runtime.bus, group="graph")
    subscription = runtime.bus.subscribe("graph", COMMERCE, handler)
    while runtime.bus.lag("graph", COMMERCE):
        time.sleep(0.01)
    wish = InterestExpressed(interest_id="new", user_id="u1", product_id="p-new", expressed_at=NOW)
    started = time.monotonic()
    runtime.bus.publish([envelope(wish, "new", "u1")])
    while ("reacted", "shop", "u1", "p-new") not in dict(runtime.knowledge.rows("shop")):
        assert time.monotonic() - started < 1.0
        time.sleep(0.005)
    subscription.stop()


HOLDS = """
import sys
from pathlib import Path
from shared.knowledge.ladybug import LadybugKnowledge

held = LadybugKnowledge(Path(sys.argv[1]), memory_mb=256)
print("held", flush=True)
sys.stdin.read()
"""


def test_a_graph_that_another_process_has_open_is_refused_and_not_taken_for_damaged(opened):
    runtime = opened()
    before = grown(runtime)
    knowledge = runtime.directory / "knowledge"
    runtime.close()
    command = [sys.executable, "-c", HOLDS, str(knowledge)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        for _ in range(3):  # more often than a file may stop the process that opens it
            with pytest.raises(UnavailableError, match="another process"):
                LadybugKnowledge(knowledge, memory_mb=256)
        holder.stdin.close()
    again = LadybugKnowledge(knowledge, memory_mb=256)
    assert not again.status()["needs_rebuild"]
    assert {shop: digest(again.rows(shop)) for shop in again.shops()} == before
    again.close()
