"""A broker that dies, hangs, or swallows its answer: refused in bounded time, nothing lost (FAULTS 11, 12, 14)."""

import signal
import time

import pytest
from faults.bus_ground import Publisher, assert_all_handled_in_order, ground, until
from servers.process import free_port
from servers.toxiproxy import Proxy

from shared.bus.port import Message
from shared.contracts.topics import PURCHASES
from shared.errors import OutcomeUnknownError, UnavailableError

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(300)]

BOUND = 12.0  # seconds that a publish may take at worst


@pytest.fixture(scope="module")
def broker(start_server):
    """A broker that may be harmed."""
    return start_server("kafka")


@pytest.fixture
def here(broker, tmp_path):
    with ground(broker.url, tmp_path) as made:
        yield made


@pytest.fixture
def bus(here):
    bus = here.bus()
    yield bus
    bus.close()


def test_a_broker_killed_and_started_again_is_resumed_without_help(broker, here, bus):
    worker = here.worker()
    assert worker.stdout.readline() == "ready\n"
    publisher = Publisher(bus, 2000, pause=0.02)
    until(lambda: len(publisher.acknowledged) > 300)
    broker.kill()
    time.sleep(5)
    broker.start()
    publisher.wait(120)
    until(lambda: bus.lag("graph", [PURCHASES]) == 0)
    assert publisher.refused > 0
    assert publisher.longest < BOUND
    assert_all_handled_in_order(here.handled(), publisher.acknowledged)
    assert worker.poll() is None


def test_a_broker_that_hangs_is_answered_for_in_bounded_time_and_resumed(broker, here, bus):
    worker = here.worker()
    assert worker.stdout.readline() == "ready\n"
    publisher = Publisher(bus, 1000, pause=0.02)
    until(lambda: len(publisher.acknowledged) > 100)
    broker.send(signal.SIGSTOP)
    time.sleep(20)  # longer than anybody waits: a publish 10 s, a group for its member 6 s, a worker for an answer 15 s
    broker.send(signal.SIGCONT)
    publisher.wait(120)
    until(lambda: bus.lag("graph", [PURCHASES]) == 0)
    assert publisher.refused > 0
    assert publisher.longest < BOUND
    assert_all_handled_in_order(here.handled(), publisher.acknowledged)


def test_without_a_broker_everybody_is_refused_at_once_and_nobody_piles_up(broker, here, bus):
    broker.kill()
    try:
        waits = []
        for _ in range(5):
            begun = time.monotonic()
            with pytest.raises(UnavailableError):
                bus.publish([Message(PURCHASES, b"shop|1", b"x")])
            waits.append(time.monotonic() - begun)
        assert max(waits) < BOUND
        assert "Kafka" in bus.unready()
    finally:
        broker.start()
    until(lambda: bus.unready() is None)


def test_an_acknowledgement_that_is_lost_is_called_unknown_and_the_message_is_there(start_server, tmp_path):
    port, proxy = free_port(), start_server("toxiproxy")
    way = Proxy.to(proxy, "kafka", start_server("kafka", advertised=port).port, port)
    with ground(f"kafka://127.0.0.1:{port}", tmp_path) as here:
        bus = here.bus()
        bus.publish([Message(PURCHASES, b"shop|1", b"before")])
        way.hang()
        begun = time.monotonic()
        with pytest.raises(OutcomeUnknownError):
            bus.publish([Message(PURCHASES, b"shop|1", b"unknown")])
        assert time.monotonic() - begun < BOUND
        way.mend()
        until(lambda: bus.unready() is None)
        [after] = bus.publish([Message(PURCHASES, b"shop|1", b"after")])
        values = [record.message.value for record in bus.read(PURCHASES, after.partition, 0, 10)]
        bus.close()
    assert (values[0], values[-1]) == (b"before", b"after")
    assert b"unknown" in values
