"""What every bus guarantees to who listens without a group: all that comes from now on, at once, nothing of before."""

import threading
import time

from shared.bus.port import Message
from shared.contracts.topics import REPLIES


def messages(*numbers):
    return [Message(REPLIES, b"shop|user", str(n).encode()) for n in numbers]


def until(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.002)


def test_every_listener_hears_what_comes_from_now_on(bus):
    bus.publish(messages(0))
    heard = [[], []]
    listeners = [bus.listen(REPLIES, ears.append) for ears in heard]
    until(lambda: all(listener.unready() is None for listener in listeners))
    sent = messages(1, 2)
    positions = bus.publish(sent)
    until(lambda: all(len(ears) == 2 for ears in heard))
    assert [[record.message for record in ears] for ears in heard] == [sent, sent]
    assert [record.position for record in heard[0]] == positions
    assert all(listener.progress() < 1 for listener in listeners)


def test_a_stopped_listener_hears_nothing_and_says_so(bus):
    heard = []
    listener = bus.listen(REPLIES, heard.append)
    until(lambda: listener.unready() is None)
    listener.stop()
    bus.publish(messages(0))
    time.sleep(0.3)
    assert heard == []
    assert REPLIES in listener.unready()


def test_a_listener_outlives_a_handler_that_raises(bus):
    heard = []

    def fails_at_first(record):
        heard.append(record)
        if len(heard) == 1:
            raise ZeroDivisionError

    listener = bus.listen(REPLIES, fails_at_first)
    until(lambda: listener.unready() is None)
    bus.publish(messages(0, 1))
    until(lambda: len(heard) == 2)


def test_an_answer_is_heard_at_once(bus):
    arrived = threading.Event()
    listener = bus.listen(REPLIES, lambda _: arrived.set())
    until(lambda: listener.unready() is None)
    waits = []
    for n in range(9):
        started = time.monotonic()
        bus.publish(messages(n))
        assert arrived.wait(5)
        waits.append(time.monotonic() - started)
        arrived.clear()
    assert sorted(waits)[4] < 0.02
