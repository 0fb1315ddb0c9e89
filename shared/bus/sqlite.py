"""The embedded bus: one SQLite file with an append-only log and the groups' offsets."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from shared.bus.catalogue import require_topic
from shared.bus.listener import Listener
from shared.bus.port import BatchHandler, Message, Position, Record, Subscription
from shared.bus.sqlite_consumer import Claims, SqliteSubscription
from shared.bus.sqlite_forgetting import forget
from shared.bus.sqlite_listener import SqliteSource
from shared.bus.sqlite_log import LogReader, open_log
from shared.bus.sqlite_writer import LogWriter
from shared.clock import Clock, SystemClock


class SqliteBus:
    """Implements `shared.bus.port.Bus`; one partition (0) a topic. Several processes may share the file.

    What `publish` acknowledged survives `kill -9` and power cuts. The log's identity is made with the file, so a file
    made anew is another log. Every method raises UsageError for a topic that no contract declares.
    """

    def __init__(self, path: Path, clock: Clock | None = None) -> None:
        self._file = open_log(path)
        self._reader = LogReader(self._file)
        self._lock = threading.Lock()
        self._running: dict[Subscription, SqliteSubscription | SqliteSource] = {}  # and whom news of it wakes
        self._claims = Claims()
        self._writer = LogWriter(self._file, clock or SystemClock(), self._wake)

    def publish(self, messages: Sequence[Message]) -> list[Position]:
        """Append messages, all or none; on return they are on the disk. Concurrent callers share a transaction.

        Raises:
            UnavailableError: nothing was taken (a full disk, say).
            OutcomeUnknownError: the disk failed during the commit.
        """
        for topic in {message.topic for message in messages}:
            require_topic(topic)
        return self._writer.append(messages) if messages else []

    def subscribe(
        self, group: str, topics: Sequence[str], handler: BatchHandler, *, batch: int = 500
    ) -> SqliteSubscription:
        """Offer every record of the topics to the handler, each topic in order, in a thread of its own.

        A handler that raises is offered the same batch again (after 0.1 to 5 s), for as long as it takes. Of several
        subscriptions of a group in this process one serves a topic, and another takes over when it stops.
        """
        for topic in topics:
            require_topic(topic)
        subscription = SqliteSubscription(
            group,
            topics,
            handler,
            batch=batch,
            reader=LogReader(self._file),
            writer=self._writer,
            claims=self._claims,
            ended=self._forget,
        )
        with self._lock:
            self._running[subscription] = subscription
        subscription.start()
        return subscription

    def listen(self, topic: str, handler: Callable[[Record], None]) -> Listener:
        """Show this process every record of a topic that comes from now on; nothing is remembered or shown again."""
        require_topic(topic)
        source = SqliteSource(LogReader(self._file), topic)
        listener = Listener(topic, source, handler, self._forget)
        with self._lock:
            self._running[listener] = source
        listener.start()
        return listener

    def read(self, topic: str, partition: int, start: int, limit: int) -> list[Record]:
        """Return up to `limit` records from offset `start` on; none of a partition other than 0.

        Raises:
            UnavailableError: the file does not answer.
        """
        require_topic(topic)
        return self._reader.read(topic, start, limit) if partition == 0 else []

    def forget(self, key: bytes, before: int) -> int:
        """Overwrite the values of a key's records from before a moment (ms); their places and headers stay.

        Raises:
            UnavailableError: the file does not answer.
        """
        return forget(self._file, key, before)

    def ends(self, topic: str) -> list[Position]:
        """Return the position that the topic's next record will get.

        Raises:
            UnavailableError: the file does not answer.
        """
        require_topic(topic)
        return [Position(self._file.log, topic, 0, self._reader.end(topic))]

    def lag(self, group: str, topics: Sequence[str]) -> int:
        """Return how many records the group has yet to finish.

        Raises:
            UnavailableError: the file does not answer.
        """
        for topic in topics:
            require_topic(topic)
        return sum(self._reader.end(topic) - self._reader.offset(group, topic) for topic in topics)

    def unready(self) -> str | None:
        """Return none: an opened file has every topic."""
        return None

    def close(self) -> None:
        """Stop every subscription and let go of the file. Harmless twice."""
        with self._lock:
            running = list(self._running)
        for subscription in running:
            subscription.stop()
        self._writer.close()
        self._reader.close()

    def _wake(self, topics: set[str]) -> None:
        with self._lock:
            for waiting in self._running.values():
                if topics.intersection(waiting.topics):
                    waiting.news.set()

    def _forget(self, subscription: Subscription) -> None:
        with self._lock:
            self._running.pop(subscription, None)
