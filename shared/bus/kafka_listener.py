"""What a listener on Kafka polls: all partitions of a topic, assigned by hand, from their ends on."""

from __future__ import annotations

from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaError

from shared.bus.kafka_cluster import Cluster
from shared.bus.kafka_reader import consumer, record_of
from shared.bus.kafka_topics import Administration
from shared.bus.port import Record
from shared.errors import UnavailableError

_POLL_MS = 250
_ASK_MS = 5000


class KafkaSource:
    """Implements `shared.bus.listener.Source`; it belongs to no group, so nobody else gets what it should hear."""

    def __init__(self, cluster: Cluster, administration: Administration, topic: str) -> None:
        self._cluster, self._administration, self._topic = cluster, administration, topic
        self._client: Any = None
        self._log = ""

    def begin(self) -> None:
        """Connect, and go to the end of every partition."""
        self._log = self._administration.identity(self._topic, fresh=True)
        try:
            self._client = consumer(self._cluster)
            name = self._cluster.physical(self._topic)
            partitions = [TopicPartition(name, n) for n in self._client.partitions_for_topic(name) or ()]
            self._client.assign(partitions)
            for at, offset in self._client.end_offsets(partitions, timeout_ms=_ASK_MS).items():
                self._client.seek(at, offset)
        except (KafkaError, OSError, AssertionError) as error:
            raise self._silent(error) from error

    def poll(self) -> list[Record]:
        """Return what has come since.

        Raises:
            UnavailableError: the connection is of no use any more.
        """
        try:
            polled = self._client.poll(timeout_ms=_POLL_MS)
        except (KafkaError, OSError, AssertionError) as error:
            raise self._silent(error) from error
        return [record_of(told, self._log, self._topic) for found in polled.values() for told in found]

    def end(self) -> None:
        """Let go of the connection."""
        if self._client is not None:
            self._client.close(timeout_ms=1000)
            self._client = None

    def _silent(self, error: Exception) -> UnavailableError:
        self.end()
        return UnavailableError(f"Kafka does not answer: {type(error).__name__}")
