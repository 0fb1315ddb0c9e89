"""A client that is connected in the background when it is first needed, and anew after it was dropped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Generic, TypeVar

from kafka.errors import AuthorizationError, KafkaError

from shared.bus.kafka_cluster import CONNECTING_SECONDS
from shared.clock import monotonic
from shared.errors import UnavailableError
from shared.logs import logger

C = TypeVar("C")
T = TypeVar("T")

_PAUSE_SECONDS = 0.5  # after a failed attempt everybody is refused at once for so long, and nobody piles up
_log = logger("bus")


class Lazy(Generic[C]):
    """Holds one client. Thread-safe; no caller waits longer than a connection may take.

    Nothing connects before the first `get`: a process that forks does so before.
    """

    def __init__(self, connect: Callable[[], C], let_go: Callable[[C], None]) -> None:
        self._connect, self._let_go = connect, let_go
        self._lock = threading.Lock()
        self._coming: Future[C] | None = None
        self._failed_at = -_PAUSE_SECONDS
        self._closed = False

    def get(self) -> C:
        """Return the client, connected.

        Raises:
            UnavailableError: no broker answers, or the bus was closed.
        """
        with self._lock:
            coming = self._started()
        try:
            return coming.result(CONNECTING_SECONDS + 0.5)
        except FutureTimeoutError:
            raise UnavailableError("Kafka does not answer: connecting takes too long") from None
        except (KafkaError, OSError) as error:
            raise UnavailableError(f"Kafka does not answer: {type(error).__name__}") from error

    def ask(self, question: Callable[[C], T], seconds: float) -> T:
        """Return what the client answers; one that does not in time is dropped, whatever it waits for.

        Raises:
            UnavailableError: no answer, or an error for one.
        """
        client = self.get()
        answer: Future[T] = Future()
        threading.Thread(target=_answer, args=(answer, question, client), name="kafka-asking", daemon=True).start()
        try:
            return answer.result(seconds)
        except FutureTimeoutError:
            self.drop(client)
            raise UnavailableError("Kafka does not answer in time") from None
        except AuthorizationError as error:
            raise UnavailableError(f"Kafka refuses us: {type(error).__name__}") from error
        except (KafkaError, OSError, AssertionError) as error:
            self.drop(client)
            raise UnavailableError(f"Kafka does not answer: {type(error).__name__}") from error

    def drop(self, client: C) -> None:
        """Let go of a client that has become doubtful; the next `get` connects anew. Harmless twice."""
        with self._lock:
            if self._coming is None or not self._coming.done() or self._coming.exception() is not None:
                return
            if self._coming.result() is not client:
                return
            self._coming = None
        threading.Thread(target=self._end, args=(client,), name="kafka-closing", daemon=True).start()

    def close(self) -> None:
        """Let go of the client for good. Harmless twice."""
        with self._lock:
            self._closed = True
            coming, self._coming = self._coming, None
        if coming is not None:
            try:
                self._end(coming.result(CONNECTING_SECONDS + 0.5))
            except (KafkaError, OSError, FutureTimeoutError):
                return

    def _started(self) -> Future[C]:
        if self._closed:
            raise UnavailableError("the bus is closed")
        if self._coming is not None and self._coming.done() and self._coming.exception() is not None:
            self._coming = None
        if self._coming is None:
            if monotonic() - self._failed_at < _PAUSE_SECONDS:
                raise UnavailableError("Kafka does not answer")
            self._coming = Future()
            threading.Thread(target=self._run, args=(self._coming,), name="kafka-connecting", daemon=True).start()
        return self._coming

    def _run(self, coming: Future[C]) -> None:
        try:
            coming.set_result(self._connect())
        except Exception as error:  # noqa: BLE001 (whoever waits gets it)
            self._failed_at = monotonic()
            _log.warning("kafka.cannot-connect", error=type(error).__name__)
            coming.set_exception(error)

    def _end(self, client: C) -> None:
        try:
            self._let_go(client)
        except (KafkaError, OSError) as error:
            _log.warning("kafka.close-failed", error=type(error).__name__)


def _answer(answer: Future[T], question: Callable[[C], T], client: C) -> None:
    try:
        answer.set_result(question(client))
    except BaseException as error:  # noqa: BLE001 (whoever waits gets it)
        answer.set_exception(error)
