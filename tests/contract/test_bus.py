"""What every bus guarantees; the engines are those of conftest's `BUSES`."""

import itertools
import threading
import time

import pytest

from shared.bus.port import Message
from shared.contracts.topics import BOARDS, INTERESTS, PURCHASES
from shared.errors import PermanentError, UnavailableError, UsageError
from shared.metrics import CONSUMER_LAG, LAST_EVENT, RETRIES


def message(n, topic=PURCHASES, key=b"shop|user"):
    return Message(topic, key, str(n).encode())


def messages(*numbers, topic=PURCHASES):
    return [message(n, topic) for n in numbers]


class Collector:
    """A handler that keeps what it was offered, and can be told to fail the next times."""

    def __init__(self, *failures):
        self.failures = list(failures)
        self.batches = []

    def __call__(self, records):
        self.batches.append([int(record.message.value) for record in records])
        if self.failures:
            raise self.failures.pop(0)

    @property
    def seen(self):
        return list(itertools.chain.from_iterable(self.batches))

    def wait_for(self, count, seconds=10.0):
        until(lambda: len(self.seen) >= count, seconds)


def until(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.002)


class TestLog:
    """Publishing and reading back."""

    def test_a_record_is_read_back_byte_for_byte(self, bus):
        sent = Message(PURCHASES, b"shop|\xff\x00", b"\x00\xfe{", (("ce_id", b"\xff\x00"), ("ce_id", b"twice")))
        [position] = bus.publish([sent])
        [record] = bus.read(PURCHASES, position.partition, position.offset, 10)
        assert sent == record.message
        assert position == record.position
        assert abs(time.time() * 1000 - record.appended_at) < 60_000

    def test_a_message_without_value_keeps_none(self, bus):
        at = bus.publish([Message(PURCHASES, b"shop|u", None), Message(PURCHASES, b"shop|u", b"")])[0]
        assert [record.message.value for record in bus.read(PURCHASES, at.partition, 0, 10)] == [None, b""]

    def test_one_keys_offsets_are_contiguous_and_begin_at_zero(self, bus):
        positions = bus.publish(messages(*range(5))) + bus.publish(messages(5))
        assert list(range(6)) == [position.offset for position in positions]
        assert {(PURCHASES, positions[0].log)} == {(position.topic, position.log) for position in positions}

    def test_topics_count_for_themselves(self, bus):
        positions = bus.publish([message(0), message(1, INTERESTS), message(2), message(3, INTERESTS)])
        assert [position.offset for position in positions] == [0, 0, 1, 1]
        assert [record.message.value for record in bus.read(INTERESTS, positions[1].partition, 0, 10)] == [b"1", b"3"]

    def test_reading_begins_where_it_is_told_and_stops_at_the_limit(self, bus):
        partition = bus.publish(messages(*range(10)))[0].partition
        assert [record.position.offset for record in bus.read(PURCHASES, partition, 3, 3)] == [3, 4, 5]
        assert bus.read(PURCHASES, partition, 10, 3) == []
        assert bus.read(PURCHASES, 99, 0, 3) == []

    def test_the_end_is_where_the_next_record_goes(self, bus):
        assert sum(end.offset for end in bus.ends(PURCHASES)) == 0
        bus.publish(messages(1, 2))
        ends = bus.ends(PURCHASES)
        assert sum(end.offset for end in ends) == 2
        assert bus.publish(messages(3))[0] in ends

    def test_publishing_nothing_changes_nothing(self, bus):
        assert bus.publish([]) == []
        assert sum(end.offset for end in bus.ends(PURCHASES)) == 0

    def test_the_log_outlives_the_engine_and_stays_the_same_log(self, reopen):
        first = reopen()
        [before] = first.publish(messages(1))
        first.close()
        [after] = reopen().publish(messages(2))
        assert (before.log, 0, 1) == (after.log, before.offset, after.offset)

    @pytest.mark.parametrize("topic", ["commerce.purchase.v1", "", f"{BOARDS}.dlt", f"{PURCHASES}.dlt.dlt"])
    def test_a_topic_that_no_contract_declares_is_refused(self, bus, topic):
        for act in (
            lambda: bus.publish([message(0), message(1, topic)]),
            lambda: bus.read(topic, 0, 0, 1),
            lambda: bus.ends(topic),
            lambda: bus.subscribe("graph", [topic], Collector()),
            lambda: bus.lag("graph", [topic]),
        ):
            with pytest.raises(UsageError):
                act()
        assert sum(end.offset for end in bus.ends(PURCHASES)) == 0

    def test_a_topic_with_dead_letters_has_a_topic_for_them(self, bus):
        assert bus.publish([message(0, f"{PURCHASES}.dlt")])[0].topic == f"{PURCHASES}.dlt"

    def test_many_threads_publishing_at_once_lose_and_mix_nothing(self, bus):
        taken = {}

        def publish(me):
            taken[me] = [bus.publish(messages(me * 1000 + n))[0] for n in range(50)]

        threads = [threading.Thread(target=publish, args=(me,)) for me in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        log = [int(record.message.value) for record in bus.read(PURCHASES, taken[0][0].partition, 0, 1000)]
        assert sorted(at.offset for at in itertools.chain(*taken.values())) == list(range(400))
        assert all([log[at.offset] for at in taken[me]] == list(range(me * 1000, me * 1000 + 50)) for me in taken)

    def test_a_bus_with_its_topics_is_ready(self, bus):
        assert bus.unready() is None

    def test_a_closed_bus_says_so_and_can_be_closed_again(self, bus):
        bus.close()
        bus.close()
        with pytest.raises(UnavailableError):
            bus.publish(messages(1))
        with pytest.raises(UnavailableError):
            bus.read(PURCHASES, 0, 0, 1)


class TestSubscription:
    """Groups, order, offering again."""

    def test_a_new_group_begins_at_the_beginning_and_goes_on_with_what_comes(self, bus):
        bus.publish(messages(0, 1))
        handler = Collector()
        bus.subscribe("graph", [PURCHASES], handler)
        handler.wait_for(2)
        bus.publish(messages(2))
        handler.wait_for(3)
        assert list(range(3)) == handler.seen

    def test_what_is_offered_is_what_is_read_back(self, bus):
        sent = [Message(PURCHASES, b"shop|\xff", b"\x00\xfe", (("a", b"\xff"), ("a", b""))), message(1)]
        positions = bus.publish([*sent, Message(PURCHASES, b"shop|u", None)])
        offered = []
        bus.subscribe("graph", [PURCHASES], offered.extend)
        until(lambda: len(offered) == 3)
        read = [bus.read(PURCHASES, at.partition, at.offset, 1)[0] for at in positions]
        assert sorted(read, key=repr) == sorted(offered, key=repr)

    def test_a_record_reaches_a_waiting_handler_at_once(self, bus):
        arrived = threading.Event()
        bus.subscribe("graph", [PURCHASES], lambda _: arrived.set())
        waits = []
        for n in range(9):
            time.sleep(0.03)
            started = time.monotonic()
            bus.publish(messages(n))
            assert arrived.wait(5)
            waits.append(time.monotonic() - started)
            arrived.clear()
        assert sorted(waits)[4] < 0.05  # well below every pause between two looks

    def test_a_batch_is_no_larger_than_asked_and_of_one_topic(self, bus):
        bus.publish(messages(*range(5)) + messages(*range(100, 103), topic=INTERESTS))
        handler = Collector()
        bus.subscribe("graph", [PURCHASES, INTERESTS], handler, batch=2)
        handler.wait_for(8)
        assert sorted(handler.batches) == [[0, 1], [2, 3], [4], [100, 101], [102]]

    def test_a_group_goes_on_where_it_stood(self, reopen):
        first, handler = reopen(), Collector()
        first.publish(messages(0, 1))
        subscription = first.subscribe("graph", [PURCHASES], handler)
        handler.wait_for(2)
        subscription.stop()
        first.publish(messages(2))
        first.close()
        later = Collector()
        reopen().subscribe("graph", [PURCHASES], later)
        later.wait_for(1)
        assert later.seen == [2]

    def test_groups_do_not_disturb_each_other(self, bus):
        bus.publish(messages(0, 1))
        handlers = {group: Collector() for group in ("graph", "email")}
        for group, handler in handlers.items():
            bus.subscribe(group, [PURCHASES], handler)
        for handler in handlers.values():
            handler.wait_for(2)
        assert [handler.seen for handler in handlers.values()] == [[0, 1], [0, 1]]

    def test_of_two_subscriptions_of_a_group_one_serves_and_the_other_takes_over(self, bus):
        one, two = Collector(), Collector()
        first = bus.subscribe("graph", [PURCHASES], one)
        bus.publish(messages(0, 1))
        one.wait_for(2)
        second = bus.subscribe("graph", [PURCHASES], two)
        until(lambda: second.unready() is None)
        bus.publish(messages(2))
        until(lambda: 2 in one.seen + two.seen)
        first.stop()
        bus.publish(messages(3))
        until(lambda: 3 in two.seen, 20)
        assert list(range(4)) == one.seen + two.seen

    @pytest.mark.parametrize("error", [UnavailableError("down"), PermanentError("never"), ZeroDivisionError("bug")])
    def test_a_batch_whose_handler_raises_is_offered_again_and_never_skipped(self, bus, error):
        again = RETRIES.labels("graph")
        before = again._value.get()
        handler = Collector(error, error)
        bus.publish(messages(0, 1))
        bus.subscribe("graph", [PURCHASES], handler)
        handler.wait_for(6)
        bus.publish(messages(2))
        handler.wait_for(7)
        assert handler.batches == [[0, 1], [0, 1], [0, 1], [2]]
        assert again._value.get() - before == 2

    def test_what_was_not_finished_is_offered_to_the_next_consumer(self, bus):
        bus.publish(messages(0))
        stuck = Collector(*[UnavailableError("down")] * 1000)
        subscription = bus.subscribe("graph", [PURCHASES], stuck)
        stuck.wait_for(1)
        subscription.stop()
        following = Collector()
        bus.subscribe("graph", [PURCHASES], following)
        following.wait_for(1)
        assert following.seen == [0]

    def test_stopping_finishes_the_batch_in_hand(self, bus):
        entered, finished = threading.Event(), []

        def slow(records):
            entered.set()
            time.sleep(0.3)
            finished.extend(records)

        bus.publish(messages(0))
        subscription = bus.subscribe("graph", [PURCHASES], slow)
        assert entered.wait(5)
        subscription.stop()
        assert len(finished) == 1
        assert bus.lag("graph", [PURCHASES]) == 0
        bus.publish(messages(1))
        time.sleep(0.1)
        assert len(finished) == 1

    def test_lag_counts_what_a_group_has_yet_to_finish(self, bus):
        bus.publish(messages(0, 1) + messages(2, topic=INTERESTS))
        assert bus.lag("graph", [PURCHASES, INTERESTS]) == 3
        bus.subscribe("graph", [PURCHASES], Collector())
        until(lambda: bus.lag("graph", [PURCHASES]) == 0)
        assert bus.lag("graph", [PURCHASES, INTERESTS]) == 1
        assert bus.lag("email", [PURCHASES]) == 2
        until(lambda: CONSUMER_LAG.labels("graph")._value.get() == 0)
        assert time.time() - LAST_EVENT.labels("graph")._value.get() < 60

    def test_progress_stands_still_in_a_wedged_handler_only(self, bus):
        release = threading.Event()
        subscription = bus.subscribe("graph", [PURCHASES], lambda _: release.wait(20))
        until(lambda: subscription.unready() is None)
        time.sleep(0.6)
        assert subscription.progress() < 0.5
        bus.publish(messages(0))
        until(lambda: subscription.progress() > 0.7)
        release.set()
        until(lambda: subscription.progress() < 0.3)

    def test_a_subscription_is_ready_once_it_serves_and_no_longer_when_it_has_stopped(self, bus):
        subscription = bus.subscribe("graph", [PURCHASES], Collector())
        until(lambda: subscription.unready() is None)
        subscription.stop()
        assert "graph" in subscription.unready()

    def test_closing_stops_every_subscription(self, bus):
        names = {"closing-a-consumer", "closing-b-consumer"}
        for group in ("closing-a", "closing-b"):
            bus.subscribe(group, [PURCHASES], Collector())
        until(lambda: names <= {thread.name for thread in threading.enumerate()})
        bus.close()
        assert names.isdisjoint(thread.name for thread in threading.enumerate())
