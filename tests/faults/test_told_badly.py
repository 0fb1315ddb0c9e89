"""Events told thrice, late, otherwise or not at all readably; replies gone astray (FAULTS 8, 31-33, 35 and 39)."""

from __future__ import annotations

import random
import threading
from datetime import UTC, datetime, timedelta

import pytest
from chaos.client import Item
from chaos.plan import Strike
from faults.system_ground import SHOP, Outcome, until

from services.ingest.model import to_fact
from shared.bus.deadletters import list_dead_letters, replay
from shared.bus.port import Message
from shared.contracts.codec import encode
from shared.contracts.topics import BOARD_REQUESTS, EMAIL_REQUESTS, PURCHASES

pytestmark = [pytest.mark.servers, pytest.mark.nightly, pytest.mark.timeout(300)]


def moved(item, **by):
    at = (datetime.now(UTC) + timedelta(**by)).isoformat()
    return Item(item.shop, item.kind, {**item.body, "purchased_at": at})


def letter_at(ground, at):
    return next((each for each in list_dead_letters(ground.engines.bus, PURCHASES) if each.at == at), None)


def test_events_told_three_times_shuffled_and_thirty_days_late_count_once(ground):
    items = [moved(item, days=-30 * (n % 2)) for n, item in enumerate(ground.several(12))]
    again = items * 3
    random.Random(31).shuffle(again)  # noqa: S311 (the same order every time)
    for item in again:
        ground.tell([item])
    assert not ground.client.send([moved(ground.bought(), days=30)])
    assert (Outcome.FAILED, 422) == (ground.last().outcome, ground.last().status)


def test_of_two_contents_under_one_id_told_at_the_same_moment_the_first_in_the_log_stands(ground):
    for n in range(4):
        racing = [ground.bought(user="racer", id=f"race-{n}") for _ in range(2)]
        threads = [threading.Thread(target=ground.tell, args=([item],)) for item in racing]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    ground.judge()
    quarantined = {one.id for one in ground.engines.history.conflicts(SHOP).items}
    assert {f"race-{n}" for n in range(4)} <= quarantined


def test_poison_is_parked_and_what_follows_it_in_its_partition_flows(ground):
    before = len(list_dead_letters(ground.engines.bus))
    ground.faults.begin(Strike(0, 0, "poison", "log", 3))
    ground.tell(ground.several(6))
    ground.judge()
    assert len(list_dead_letters(ground.engines.bus)) == before + len(ground.faults.poison)


def test_a_dead_letter_that_is_mended_and_replayed_twice_has_one_effect(ground):
    bus, mended = ground.engines.bus, ground.bought()
    [at] = bus.publish([Message(PURCHASES, f"{SHOP}|u1".encode(), b"torn")])
    ground.faults.poison.add((at.topic, at.partition, at.offset))
    until(lambda: letter_at(ground, at))
    letter = letter_at(ground, at)
    fact, now = to_fact(SHOP, "purchases", mended.body, datetime.now(UTC)), datetime.now(UTC)
    value = encode(fact.envelope(SHOP, now, "")).value
    for _ in range(2):
        replay(bus, [letter.id], shop=SHOP, value=value)
    ground.journal.note(mended.attempt(Outcome.OK))
    ground.judge()
    assert [mended.body["purchase_id"]] == [
        entry.id for _, entry in ground.engines.history.replay(SHOP) if entry.id == mended.body["purchase_id"]
    ]


@pytest.mark.parametrize(("service", "kind"), [("email", "email"), ("visionboard", "board")])
def test_what_a_gateway_was_asked_before_it_was_killed_is_made_and_found_under_its_key(ground, service, kind):
    ground.tell(ground.several(2))
    key, before = f"asked-{kind}", jobs(ground)
    topic = {"email": EMAIL_REQUESTS, "board": BOARD_REQUESTS}[kind]
    asked = told(ground, topic)
    with ground.paused(service):
        asking = threading.Thread(target=ground.client.make, args=(SHOP, kind, "u1", key))
        asking.start()
        until(lambda: jobs(ground) - before)
        [id] = jobs(ground) - before
        until(lambda: told(ground, topic) > asked)  # killed before, the gateway has promised nothing
        ground.worker("gateway").kill()
        asking.join()
        assert (Outcome.UNKNOWN, 0) == (ground.last().outcome, ground.last().status)
    until(lambda: ground.restarted("gateway"))
    ground.system.wait_until_ready()
    until(lambda: ground.engines.history.get("jobs", SHOP, id).body["status"] == "done", 120)
    until(lambda: ground.client.make(SHOP, kind, "u1", key), 150)  # who died holds the key for two minutes: 409
    assert (id, 201) == (ground.last().made, ground.last().status)


def told(ground, topic):
    return sum(end.offset for end in ground.engines.bus.ends(topic))


def jobs(ground):
    return {job.id for job in ground.engines.history.find("jobs", SHOP, page_size=500).items}
