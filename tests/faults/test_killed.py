"""Services killed at each step of their work: what was acknowledged is there, once (FAULTS 1-7 and 40)."""

from __future__ import annotations

import pytest
from faults.system_ground import SHOP, Outcome, until

from shared.contracts.topics import PURCHASES

pytestmark = [pytest.mark.servers, pytest.mark.nightly, pytest.mark.timeout(300)]


def length(ground):
    return sum(end.offset for end in ground.engines.bus.ends(PURCHASES))


@pytest.mark.parametrize(("point", "taken"), [("before_publish", 0), ("in_batch", 3), ("after_publish", 6)])
def test_an_intake_that_is_killed_before_it_answers_is_told_again_and_counts_once(ground, point, taken):
    items, before = ground.several(6), length(ground)
    armed = ground.system.arm(f"ingest.{point}")
    assert not ground.client.send(items)
    assert (ground.last().outcome, armed.exists()) == (Outcome.UNKNOWN, False)
    assert length(ground) - before == taken
    ground.tell(items)
    until(lambda: {item.body["purchase_id"] for item in items} <= recorded(ground))


@pytest.mark.parametrize(
    "point", ["before_history", "in_history", "after_history", "in_transaction", "before_commit", "after_commit"]
)
def test_a_graph_worker_that_is_killed_is_replaced_and_each_event_has_one_effect(ground, point):
    armed = ground.system.arm(f"graph.{point}")
    items = ground.several(6)
    ground.tell(items)
    until(lambda: not armed.exists() and ground.restarted("graph-1", "graph-2"))
    until(lambda: {item.body["purchase_id"] for item in items} <= recorded(ground))


@pytest.mark.parametrize(
    ("service", "kind", "point"),
    [
        ("email", "email", "after_put"),
        ("email", "email", "before_publish"),
        ("visionboard", "board", "after_put"),
        ("visionboard", "board", "before_publish"),
    ],
)
def test_what_was_being_made_when_its_maker_was_killed_is_made_once(ground, service, kind, point):
    ground.tell(ground.several(2))
    armed = ground.system.arm(f"{service}.{point}")
    key = f"{kind}-{point}"
    assert ground.client.make(SHOP, kind, "u1", key)
    first = ground.last()
    until(lambda: not armed.exists() and ground.restarted(service))
    until(lambda: job(ground, first.made) == "done")
    assert ground.client.make(SHOP, kind, "u1", key)
    assert first.made == ground.last().made  # the key's answer is the one that was given: 202, if that was it
    document = ground.engines.history.get(f"{kind}s", SHOP, first.made)
    assert pictures(document.body)
    assert all(ground.engines.objects.get(name) for name in pictures(document.body))


def job(ground, id):
    found = ground.engines.history.get("jobs", SHOP, id)
    return found and found.body["status"]


def pictures(body):
    """The keys of what is there once the reply was given; the twofold picture follows it."""
    named = [*body.get("pictures", ()), *body.get("files", ())]
    return [each["key"] for each in named if "@2x" not in each["file"]]


def recorded(ground):
    return {entry.id for _, entry in ground.engines.history.replay(SHOP)}
