"""Publishing to Kafka when the client never answers: one wait for all messages, not one for each."""

from __future__ import annotations

import time

import pytest
from kafka import TopicPartition
from kafka.producer.future import FutureProduceResult, FutureRecordMetadata

from shared.bus import kafka_producer
from shared.bus.kafka_cluster import Cluster
from shared.bus.port import Message
from shared.contracts.topics import PURCHASES
from shared.errors import OutcomeUnknownError

BOUND = 0.2


class SilentClient:
    """Takes every message, and never hears of it again: so is kafka-python's while it has no producer id."""

    def send(self, *_: object, **__: object) -> FutureRecordMetadata:
        return FutureRecordMetadata(FutureProduceResult(TopicPartition("t", 0)), 0, 0, None, 0, 0, 0)

    def close(self, **_: object) -> None:
        """Nothing to let go of."""


@pytest.fixture
def producer(monkeypatch):
    monkeypatch.setattr(kafka_producer, "_PUBLISH_SECONDS", BOUND)
    monkeypatch.setattr(kafka_producer.Producer, "_connect", lambda _: SilentClient())
    made = kafka_producer.Producer(Cluster(("127.0.0.1:1",)))
    yield made
    made.close()


def test_a_client_that_never_answers_is_waited_for_once_and_not_for_each_message(producer):
    begun = time.monotonic()
    with pytest.raises(OutcomeUnknownError):
        producer.publish([Message(PURCHASES, b"shop|1", b"%d" % number) for number in range(20)])
    assert BOUND <= time.monotonic() - begun < 5 * BOUND
