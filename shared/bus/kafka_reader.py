"""Reading a Kafka log back: ranges of one partition, and where partitions begin and end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from kafka import KafkaConsumer, TopicPartition

from shared.bus.kafka_cluster import Cluster
from shared.bus.kafka_lazy import Lazy
from shared.bus.port import Message, Position, Record
from shared.clock import monotonic
from shared.contracts.topics import LARGEST_LETTER
from shared.errors import UnavailableError

T = TypeVar("T")

_ASK_MS = 5000
_READ_SECONDS = 8.0
_TURN_SECONDS = 10.0


def consumer(cluster: Cluster, **more: Any) -> Any:
    """Return a consumer that belongs to no group and commits nothing."""
    return KafkaConsumer(
        **cluster.clients(),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        allow_auto_create_topics=False,
        max_partition_fetch_bytes=LARGEST_LETTER,
        metrics_enabled=False,
        **more,
    )


def record_of(told: Any, log: str, topic: str) -> Record:
    """Return a record as a Kafka client tells it (kafka-python's and aiokafka's look alike)."""
    headers = tuple((name, b"" if value is None else value) for name, value in told.headers)
    message = Message(topic, told.key or b"", told.value, headers)
    return Record(Position(log, topic, told.partition, told.offset), message, told.timestamp)


class LogReader:
    """Reads a log over one connection of its own. Thread-safe: callers take turns.

    Every method raises UnavailableError when no broker answers in time.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._lazy: Lazy[Any] = Lazy(lambda: consumer(cluster), lambda client: client.close(timeout_ms=1000))
        self._turn = threading.Lock()

    def partitions(self, topic: str) -> list[TopicPartition]:
        """Return a topic's partitions, in order; none if it is missing."""
        return self._ask(lambda client: self._partitions(client, topic))

    def ends(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the offset that each partition's next record will get."""
        return self._ask(lambda client: client.end_offsets(partitions, timeout_ms=_ASK_MS)) if partitions else {}

    def beginnings(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the first offset that each partition still has."""
        return self._ask(lambda client: client.beginning_offsets(partitions, timeout_ms=_ASK_MS)) if partitions else {}

    def read(self, topic: str, partition: int, start: int, limit: int) -> list[Any]:
        """Return up to `limit` records, as the client tells them, from offset `start` on."""
        return self._ask(lambda client: self._read(client, topic, partition, start, limit))

    def close(self) -> None:
        """Let go of the connection."""
        self._lazy.close()

    def _ask(self, ask: Callable[[Any], T]) -> T:
        if not self._turn.acquire(timeout=_TURN_SECONDS):
            raise UnavailableError("Kafka answers too slowly: others are waiting to read")
        try:
            return self._lazy.ask(ask, _READ_SECONDS + 1)
        finally:
            self._turn.release()

    def _partitions(self, client: Any, topic: str) -> list[TopicPartition]:
        name = self._cluster.physical(topic)
        return [TopicPartition(name, number) for number in sorted(client.partitions_for_topic(name) or ())]

    def _read(self, client: Any, topic: str, partition: int, start: int, limit: int) -> list[Any]:
        at = TopicPartition(self._cluster.physical(topic), partition)
        if at not in self._partitions(client, topic):
            return []
        end = client.end_offsets([at], timeout_ms=_ASK_MS)[at]
        first = client.beginning_offsets([at], timeout_ms=_ASK_MS)[at]
        client.assign([at])
        client.seek(at, max(start, first))
        try:
            return _polled(client, at, end, limit)
        finally:
            client.unsubscribe()


def _polled(client: Any, at: TopicPartition, end: int, limit: int) -> list[Any]:
    """Poll until the limit or the end; what compaction or markers left out is passed over."""
    found: list[Any] = []
    deadline = monotonic() + _READ_SECONDS
    while len(found) < limit and client.position(at) < end:
        if monotonic() > deadline:
            raise UnavailableError("Kafka answers too slowly: reading back takes too long")
        found += client.poll(timeout_ms=200, max_records=limit - len(found)).get(at, [])
    return found
