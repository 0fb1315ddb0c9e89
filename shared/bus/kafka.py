"""The distributed bus: Kafka. kafka-python publishes, reads back and listens; Faust consumes (`faust.py`)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from kafka import TopicPartition

from shared.bus.catalogue import require_topic
from shared.bus.kafka_cluster import Cluster
from shared.bus.kafka_listener import KafkaSource
from shared.bus.kafka_producer import Producer
from shared.bus.kafka_reader import LogReader, record_of
from shared.bus.kafka_topics import Administration
from shared.bus.listener import Listener
from shared.bus.port import BatchHandler, Message, Position, Record, Subscription
from shared.errors import UnavailableError


class KafkaBus:
    """Implements `shared.bus.port.Bus`. Nothing connects before it is needed; no call waits longer than ten seconds.

    A log's identity is its cluster's and its topic's, so a topic made anew is another log. Every method raises
    UsageError for a topic that no contract declares, and UnavailableError if no broker answers.
    """

    def __init__(self, cluster: Cluster, administration: Administration | None = None) -> None:
        self.administration = administration or Administration(cluster)
        self._cluster = cluster
        self._producer = Producer(cluster)
        self._reader = LogReader(cluster)
        self._lock = threading.Lock()
        self._subscriptions: set[Subscription] = set()
        self._closed = False

    def publish(self, messages: Sequence[Message]) -> list[Position]:
        """Append messages, in order where they share a partition; on return all replicas in sync have all of them.

        Raises:
            InvalidInputError: one is larger than any topic takes; nothing was taken.
            UnavailableError: nothing was taken.
            OutcomeUnknownError: not all were acknowledged in time; publish them again, the ledger knows repeats.
        """
        for topic in {message.topic for message in messages}:
            require_topic(topic)
        if not messages:
            return []
        logs = {topic: self.administration.last_identity(topic) for topic in {message.topic for message in messages}}
        taken = self._producer.publish(messages)
        return [Position(logs[m.topic], m.topic, *at) for m, at in zip(messages, taken, strict=True)]

    def subscribe(self, group: str, topics: Sequence[str], handler: BatchHandler, *, batch: int = 500) -> Subscription:
        """Offer every record of the topics to the handler; the group's members, of all processes, share partitions.

        A handler that raises is offered the same batch again (after 0.1 to 5 s), for as long as it takes; its
        partition waits, the others go on. One batch at a time.
        """
        from shared.bus.faust import FaustSubscription

        for topic in topics:
            require_topic(topic)
        log = _GroupLog(group, self.administration, self._reader)
        subscription = FaustSubscription(
            self._cluster, group, topics, handler, batch=batch, log=log, ended=self._forget
        )
        self._remember(subscription)
        subscription.start()
        return subscription

    def listen(self, topic: str, handler: Callable[[Record], None]) -> Subscription:
        """Show this process every record of a topic that comes from now on; nothing is remembered or shown again."""
        require_topic(topic)
        listener = Listener(topic, KafkaSource(self._cluster, self.administration, topic), handler, self._forget)
        self._remember(listener)
        listener.start()
        return listener

    def read(self, topic: str, partition: int, start: int, limit: int) -> list[Record]:
        """Return up to `limit` records from offset `start` on, or from the first that the topic still has."""
        require_topic(topic)
        log = self.administration.identity(topic)
        return [record_of(told, log, topic) for told in self._reader.read(topic, partition, start, limit)]

    def ends(self, topic: str) -> list[Position]:
        """Return, for each partition, the position that the next record will get."""
        require_topic(topic)
        log = self.administration.identity(topic)
        ends = self._reader.ends(self._reader.partitions(topic))
        return [Position(log, topic, at.partition, offset) for at, offset in sorted(ends.items())]

    def lag(self, group: str, topics: Sequence[str]) -> int:
        """Return how many records the group has yet to finish."""
        for topic in topics:
            require_topic(topic)
        partitions = [at for topic in topics for at in self._reader.partitions(topic)]
        return _behind(group, partitions, self.administration, self._reader)

    def forget(self, key: bytes, before: int) -> int:
        """Do nothing: Kafka deletes records by age only (`Topic.retention_ms`)."""
        del key, before
        return 0

    def unready(self) -> str | None:
        """Return what keeps the bus from its work, and what to do about it; none if all is well."""
        try:
            wrong = self.administration.check()
        except UnavailableError as error:
            return str(error)
        return f"{'; '.join(wrong)}: run `tastegraph topics apply`" if wrong else None

    def close(self) -> None:
        """Stop every subscription and let go of the connections. Harmless twice."""
        with self._lock:
            self._closed = True
            running = list(self._subscriptions)
        for subscription in running:
            subscription.stop()
        self._producer.close()
        self._reader.close()
        self.administration.close()

    def _remember(self, subscription: Subscription) -> None:
        with self._lock:
            if self._closed:
                raise UnavailableError("the bus is closed")
            self._subscriptions.add(subscription)

    def _forget(self, subscription: Subscription) -> None:
        with self._lock:
            self._subscriptions.discard(subscription)


class _GroupLog:
    """Implements `shared.bus.faust_lane.Log` for one group."""

    def __init__(self, group: str, administration: Administration, reader: LogReader) -> None:
        self._group, self._administration, self._reader = group, administration, reader

    def start(self, topic: str, partition: int) -> tuple[str, int]:
        """Return which log a topic is now, and the first offset of a partition that the group has not finished."""
        log = self._administration.identity(topic, fresh=True)
        at = self._reader.partitions(topic)[partition]
        committed = self._administration.committed(self._group, [at]).get(at, 0)
        return log, max(committed, self._reader.beginnings([at])[at])

    def messages(self, topic: str, partition: int, start: int, limit: int) -> list[Any]:
        """Return messages from an offset on."""
        return self._reader.read(topic, partition, start, limit)

    def behind(self, partitions: Sequence[tuple[str, int]]) -> int:
        """Return how many messages of these partitions the group has not finished."""
        known = {topic: self._reader.partitions(topic) for topic in {topic for topic, _ in partitions}}
        wanted = [at for topic, number in partitions for at in known[topic] if at.partition == number]
        return _behind(self._group, wanted, self._administration, self._reader)


def _behind(group: str, partitions: Sequence[TopicPartition], administration: Administration, reader: LogReader) -> int:
    if not partitions:
        return 0
    ends = reader.ends(list(partitions))
    done = administration.committed(group, partitions)
    unknown = [at for at in partitions if at not in done]
    done |= reader.beginnings(unknown)
    return sum(max(0, ends[at] - done[at]) for at in partitions)
