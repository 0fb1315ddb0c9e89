"""Workers that die, join and leave: nothing acknowledged is lost, order holds, little is repeated (FAULTS 4-9, 18)."""

import random
import signal
import time

import pytest
from faults.bus_ground import Publisher, assert_all_handled_in_order, ground, until

from shared.bus.port import Message
from shared.contracts.topics import PURCHASES

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def here(kafka_url, tmp_path):
    with ground(kafka_url, tmp_path) as made:
        yield made


@pytest.fixture
def bus(here):
    bus = here.bus()
    yield bus
    bus.close()


def test_a_worker_killed_again_and_again_in_mid_batch_loses_nothing(here, bus):
    chance = random.Random(7)  # noqa: S311 (the same moments every time)
    publisher = Publisher(bus, 3000, pause=0.01)
    for _ in range(6):
        worker = here.worker()
        assert worker.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0.2, 1.5))
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    publisher.wait()
    here.worker()
    until(lambda: bus.lag("graph", [PURCHASES]) == 0)
    assert_all_handled_in_order(here.handled(), publisher.acknowledged)
    assert len(publisher.acknowledged) == 3000


def test_a_slow_event_that_was_in_hand_at_the_kill_is_handled_again(here, bus):
    """Faust by itself would have committed past it (its issue 606)."""
    worker = here.worker(batch=1)
    assert worker.stdout.readline() == "ready\n"
    keys = {}
    for n in range(40):  # a user for each of two partitions
        [at] = bus.publish([Message(PURCHASES, b"shop|%d" % n, b"before")])
        keys[at.partition] = b"shop|%d" % n
    until(lambda: bus.lag("graph", [PURCHASES]) == 0)
    slow, fast = list(keys.values())[:2]
    bus.publish([Message(PURCHASES, slow, b"slow600")])
    assert worker.stdout.readline() == "slow begins\n"
    bus.publish([Message(PURCHASES, key, b"after") for key in (slow, slow, fast, fast)])
    time.sleep(1)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    assert bus.lag("graph", [PURCHASES]) == 5
    bus.publish([Message(PURCHASES, slow, b"last")])
    second = here.worker(batch=1)
    assert second.stdout.readline() == "ready\n"
    assert second.stdout.readline() == "slow begins\n"


def test_a_worker_told_to_end_finishes_its_batch_commits_and_ends_well(here, bus):
    worker = here.worker()
    assert worker.stdout.readline() == "ready\n"
    bus.publish([Message(PURCHASES, b"shop|1", b"slow20")])
    assert worker.stdout.readline() == "slow begins\n"
    begun = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(25) == 0
    assert time.monotonic() - begun < 10
    assert [value for _, _, value in here.handled()] == ["slow20"]
    assert bus.lag("graph", [PURCHASES]) == 0


def test_workers_that_join_and_leave_twenty_times_lose_nothing_and_repeat_little(here, bus):
    batch = 20
    publisher = Publisher(bus, 4000, pause=0.05)
    steady = here.worker(batch)
    assert steady.stdout.readline() == "ready\n"
    for round_ in range(10):  # each joins and leaves: two rebalances
        guest = here.worker(batch)
        assert guest.stdout.readline() == "ready\n"
        guest.send_signal(signal.SIGTERM if round_ % 3 else signal.SIGKILL)
        guest.wait(25)
    publisher.wait(120)
    until(lambda: bus.lag("graph", [PURCHASES]) == 0)
    effects = here.handled()
    unique = sorted({(partition, offset) for partition, offset, _ in effects})
    assert sum(at.offset for at in bus.ends(PURCHASES)) == len(unique) >= 4000
    assert len(effects) - len(unique) <= 4 * 8 * batch  # four kills, at most a batch of each partition
