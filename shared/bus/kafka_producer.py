"""Publishing to Kafka: idempotent, acknowledged by all replicas, bounded in time; a time-out means *unknown*."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kafka import KafkaProducer
from kafka.errors import (
    InvalidTopicError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from shared.bus.kafka_cluster import Cluster
from shared.bus.kafka_lazy import Lazy
from shared.bus.port import Message
from shared.clock import monotonic
from shared.contracts.topics import LARGEST_LETTER
from shared.errors import InvalidInputError, OutcomeUnknownError, UnavailableError
from shared.logs import logger

_DELIVERY_MS = 8000
_SLACK_SECONDS = 1.0
_CLOSE_SECONDS = _DELIVERY_MS / 1000 + _SLACK_SECONDS  # what waits has been sent or given up by then
# Connecting, sending and waiting share it, and so do all messages: while a client has no producer id (its broker hung
# before giving one), it does not even look at its delivery time-out, and nothing but this ends the wait.
_PUBLISH_SECONDS = 10.0
_HEAD = 512  # what Kafka adds to a record, at most

# With these the broker has said that it took nothing.
_REFUSED = (
    InvalidTopicError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

_log = logger("bus")


class Producer:
    """Publishes batches. Thread-safe; concurrent callers share requests."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._lazy: Lazy[Any] = Lazy(self._connect, _let_go)

    def publish(self, messages: Sequence[Message]) -> list[tuple[int, int]]:
        """Publish messages; return partition and offset of each, once all replicas in sync have all of them.

        Raises:
            InvalidInputError: one of them is larger than any topic takes; nothing was sent.
            UnavailableError: nothing was taken.
            OutcomeUnknownError: some may have been taken.
        """
        for message in messages:
            _check_size(message)
        deadline = monotonic() + _PUBLISH_SECONDS
        client = self._lazy.get()
        futures: list[Any] = []
        try:
            for message in messages:
                futures.append(self._send(client, message))  # noqa: PERF401 (what was sent counts when one fails)
        except (KafkaError, ValueError) as error:
            self._lazy.drop(client)
            raise _outcome(error, sent=bool(futures)) from error
        return self._acknowledged(client, futures, deadline)

    def close(self) -> None:
        """Let go of the connection."""
        self._lazy.close()

    def _connect(self) -> Any:
        return KafkaProducer(
            **self._cluster.clients(),
            acks="all",
            enable_idempotence=True,
            allow_auto_create_topics=False,
            max_block_ms=3000 if self._cluster.security.startswith("SASL") else 1000,  # proving who we are takes time
            delivery_timeout_ms=_DELIVERY_MS,
            max_request_size=LARGEST_LETTER,
            batch_size=1 << 18,
            metrics_enabled=False,
        )

    def _send(self, client: Any, message: Message) -> Any:
        topic = self._cluster.physical(message.topic)
        return client.send(topic, message.value, key=message.key, headers=list(message.headers))

    def _acknowledged(self, client: Any, futures: Sequence[Any], deadline: float) -> list[tuple[int, int]]:
        taken, failures = [], []
        for future in futures:
            try:
                told = future.get(timeout=max(0.0, deadline - monotonic()))
                taken.append((told.partition, told.offset))
            except KafkaError as error:
                failures.append(error)
        if not failures:
            return taken
        self._lazy.drop(client)  # its sequence numbers may have a gap now; a new one starts clean
        _log.warning("kafka.not-acknowledged", count=len(failures), error=type(failures[0]).__name__)
        known = not taken and all(isinstance(error, _REFUSED) for error in failures)
        raise _outcome(failures[0], sent=not known) from failures[0]


def _let_go(client: Any) -> None:
    try:
        client.close(timeout=_CLOSE_SECONDS)
    except KafkaTimeoutError:
        client._sender.force_close()  # noqa: SLF001 (close gives up before it ends its own thread)
        raise


def _check_size(message: Message) -> None:
    headers = sum(len(name) + len(value) for name, value in message.headers)
    if len(message.key) + len(message.value or b"") + headers + _HEAD > LARGEST_LETTER:
        raise InvalidInputError("the message is larger than the bus takes")


def _outcome(error: Exception, *, sent: bool) -> Exception:
    if sent:
        return OutcomeUnknownError("Kafka did not acknowledge in time; publish again under the same ids")
    if isinstance(error, MessageSizeTooLargeError | RecordListTooLargeError):
        return InvalidInputError("the message is larger than its topic takes")
    if isinstance(error, UnknownTopicOrPartitionError | KafkaTimeoutError):
        return UnavailableError("Kafka does not answer, or a topic is missing (tastegraph topics check)")
    return UnavailableError(f"Kafka took nothing: {type(error).__name__}")
