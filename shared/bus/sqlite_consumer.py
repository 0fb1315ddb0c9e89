"""A subscription to the embedded bus: one thread that offers batches in order, and never skips one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from tenacity import (
    RetryCallState,
    RetryError,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_when_event_set,
    wait_random_exponential,
)

from shared.bus.port import BatchHandler, Record
from shared.bus.sqlite_log import LogReader
from shared.bus.sqlite_writer import LogWriter
from shared.clock import monotonic
from shared.errors import TransientError, UnavailableError
from shared.logs import logger
from shared.metrics import CONSUMER_LAG, LAST_EVENT, RETRIES

# Appends of this process wake a subscription at once; those of another one are found by looking.
POLL_SECONDS = 0.25
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0

_log = logger("bus")


class Claims:
    """Who serves a topic for a group: one subscription at a time; the others stand by."""

    def __init__(self) -> None:
        self._locks: dict[tuple[str, str], threading.Lock] = {}

    def take(self, group: str, topic: str) -> bool:
        """Take a topic for a group, if it is free."""
        return self._locks.setdefault((group, topic), threading.Lock()).acquire(blocking=False)

    def release(self, group: str, topic: str) -> None:
        """Let another subscription serve the topic."""
        self._locks[group, topic].release()


class SqliteSubscription:
    """Offers every record of some topics to a handler, in order, until stopped."""

    def __init__(
        self,
        group: str,
        topics: Sequence[str],
        handler: BatchHandler,
        *,
        batch: int,
        reader: LogReader,
        writer: LogWriter,
        claims: Claims,
        ended: Callable[[SqliteSubscription], None],
    ) -> None:
        self.topics = tuple(topics)
        self.news = threading.Event()
        self._group = group
        self._handler = handler
        self._batch = batch
        self._reader = reader
        self._writer = writer
        self._claims = claims
        self._ended = ended
        self._next: dict[str, int] = {}
        self._stopping = threading.Event()
        self._seen = monotonic()
        self._retrying = Retrying(
            retry=retry_if_exception_type(Exception),
            wait=wait_random_exponential(multiplier=_FIRST_PAUSE_SECONDS, max=_LONGEST_PAUSE_SECONDS),
            stop=stop_when_event_set(self._stopping),
            sleep=sleep_using_event(self._stopping),
            before_sleep=self._before_offering_again,
        )
        self._thread = threading.Thread(target=self._run, name=f"{group}-consumer", daemon=True)

    def start(self) -> None:
        """Begin to offer records."""
        self._thread.start()

    def progress(self) -> float:
        """Return seconds since the consumer last polled, or since a batch was last taken or refused."""
        return monotonic() - self._seen

    def unready(self) -> str | None:
        """Return what keeps the consumer from its work, or none."""
        return None if self._thread.is_alive() else f"the consumer {self._group} does not run"

    def stop(self, timeout: float = 20.0) -> None:
        """Finish the batch in hand and stop; what was not finished is offered to the next consumer."""
        self._stopping.set()
        self.news.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)
        if self._thread.is_alive():
            _log.warning("consumer.still-busy", group=self._group, seconds=timeout)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self.news.clear()
                if not self._round():
                    self.news.wait(POLL_SECONDS)
        finally:
            self._leave()

    def _leave(self) -> None:
        try:
            self._writer.flush()  # whoever serves the group next starts from where it stands now
        except UnavailableError as error:
            _log.warning("consumer.offset-not-written", group=self._group, error=str(error))
        finally:
            for topic in self._next:
                self._claims.release(self._group, topic)
            self._reader.close()
            self._ended(self)

    def _round(self) -> bool:
        """Offer one batch of each topic; say whether there was any."""
        self._seen = monotonic()
        try:
            found = [self._serve(topic) for topic in self.topics]
            if self._next:
                CONSUMER_LAG.labels(self._group).set(self._lag())
        except UnavailableError as error:
            _log.warning("consumer.cannot-read", group=self._group, error=str(error))
            return False
        return any(found)

    def _serve(self, topic: str) -> bool:
        if self._stopping.is_set() or not self._mine(topic):
            return False
        records = self._reader.read(topic, self._next[topic], self._batch)
        if not records or not self._offer(records):
            return False
        self._next[topic] = records[-1].position.offset + 1
        self._writer.advance(self._group, topic, self._next[topic])
        LAST_EVENT.labels(self._group).set(time.time())
        return True

    def _mine(self, topic: str) -> bool:
        if topic in self._next:
            return True
        if not self._claims.take(self._group, topic):
            return False
        try:
            self._next[topic] = self._reader.offset(self._group, topic)
        except UnavailableError:
            self._claims.release(self._group, topic)
            raise
        return True

    def _offer(self, records: Sequence[Record]) -> bool:
        """Offer a batch until it is taken; false if told to stop before that."""
        try:
            self._retrying(self._handler, records)
        except RetryError:
            return False
        finally:
            self._seen = monotonic()
        return True

    def _before_offering_again(self, state: RetryCallState) -> None:
        self._seen = monotonic()
        RETRIES.labels(self._group).inc()
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, TransientError):
            _log.warning(
                "batch.offered-again", group=self._group, attempt=state.attempt_number, error=type(error).__name__
            )
        else:
            _log.error("batch.crashed", group=self._group, attempt=state.attempt_number, exc_info=error)

    def _lag(self) -> int:
        return sum(self._reader.end(topic) - following for topic, following in self._next.items())
