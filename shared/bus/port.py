"""The bus: durable, ordered, partitioned topics. Engines: `sqlite` (embedded); `kafka` and `faust` (distributed)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

FORGOTTEN = "forgotten"  # the header of a record whose value was taken out of the log


@dataclass(frozen=True, slots=True)
class Message:
    """What is published: bytes, with a key that decides the partition."""

    topic: str
    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def forgotten(self) -> bool:
        """Say whether the value was taken out of the log: there is nothing to handle, and nothing wrong."""
        return self.value is None and any(name == FORGOTTEN for name, _ in self.headers)


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where a message stands. `log` names the log itself: one made anew is another log, from offset 0 again."""

    log: str
    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Record:
    """A message as read back: where it stands, and when the log took it (milliseconds since the epoch)."""

    position: Position
    message: Message
    appended_at: int


# Takes one partition's records in order. Returning means: done with all of them, advance. Raising TransientError means:
# offer the very same records again, later. Nothing else may be raised (`dispatch` sees to that).
BatchHandler = Callable[[Sequence[Record]], None]


class Subscription(Protocol):
    """A running consumer."""

    def progress(self) -> float:
        """Return seconds since the consumer last polled or finished a batch: a wedged one shows here."""

    def unready(self) -> str | None:
        """Return what keeps the consumer from its work, or none: a consumer of a shared group may own no partition."""

    def stop(self, timeout: float = 20.0) -> None:
        """Finish the batch in hand and stop; what was not finished is offered to the next consumer."""


class Bus(Protocol):
    """Publishes, subscribes and reads back. Thread-safe."""

    def publish(self, messages: Sequence[Message]) -> list[Position]:
        """Append messages, in order where they share a partition; on return they are durable (fsync, or acks=all).

        Raises:
            InvalidInputError: one is larger than the bus takes; nothing was taken.
            UnavailableError: nothing was taken.
            OutcomeUnknownError: some may have been taken; publish them again, the ledger knows repeats.
        """

    def subscribe(self, group: str, topics: Sequence[str], handler: BatchHandler, *, batch: int = 500) -> Subscription:
        """Offer every record of the topics to the handler, from where the group stands (at first: the beginning)."""

    def listen(self, topic: str, handler: Callable[[Record], None]) -> Subscription:
        """Show this process every record of a topic that comes from now on; nothing is remembered or shown again.

        For who waits for an answer: a record may be missed while the bus is away, and a handler that raises is logged.
        """

    def read(self, topic: str, partition: int, start: int, limit: int) -> list[Record]:
        """Return up to `limit` records from offset `start` on; for catching up and for looking at dead letters."""

    def forget(self, key: bytes, before: int) -> int:
        """Take the values of a key's records from before a moment (ms) out of the log, where the engine can.

        Says how many. They keep their places, and are handed to nobody any more. Kafka lets records lapse by age.

        Raises:
            UnavailableError: part of them is still there; repeating it takes out the rest.
        """

    def ends(self, topic: str) -> list[Position]:
        """Return, for each partition, the position that the next record will get."""

    def lag(self, group: str, topics: Sequence[str]) -> int:
        """Return how many records the group has yet to finish."""

    def unready(self) -> str | None:
        """Return what keeps the bus from its work (silent, or a topic missing or wrong) and what to do, or none."""

    def close(self) -> None:
        """Stop every subscription and let go of the engine."""


def unready(subscriptions: Sequence[Subscription]) -> str | None:
    """Return what keeps consumers from their work, or none; a service that has none yet is not ready."""
    if not subscriptions:
        return "the consumer has not been started"
    return next((said for each in subscriptions if (said := each.unready())), None)
