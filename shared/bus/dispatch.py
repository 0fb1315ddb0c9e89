"""From records to handlers: decode, handle, try again; what cannot be handled is parked in the dead letters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

from structlog.contextvars import bound_contextvars
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from shared.bus.deadletters import is_parked
from shared.bus.hops import handled, handled_together
from shared.bus.parking import Failure, describe, letter
from shared.bus.port import BatchHandler, Bus, Position, Record
from shared.clock import Clock, SystemClock
from shared.contracts.codec import Envelope, decode
from shared.contracts.topics import TOPICS
from shared.courtesy import considerate
from shared.errors import InvalidInputError, PermanentError, TransientError
from shared.logs import logger
from shared.metrics import DEAD_LETTERS

_log = logger("dispatch")


@dataclass(frozen=True, slots=True)
class Received:
    """A record, and what it says; none if it could not be decoded or handled (it is in the dead letters then)."""

    record: Record
    envelope: Envelope[Any] | None


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a handler is tried before its bus, or the dead letters, get the message; pauses in seconds."""

    attempts: int = 4
    first_pause: float = 0.1
    longest_pause: float = 2.0


_PATIENCE = Patience()


def _untold(_: Envelope[Any], /) -> None:
    """Tell nobody: there is nobody who waits."""


def each(
    handler: Callable[[Envelope[Any]], None],
    *,
    bus: Bus,
    group: str,
    patience: Patience = _PATIENCE,
    clock: Clock | None = None,
    giving_up: Callable[[Envelope[Any]], None] = _untold,
) -> BatchHandler:
    """Return a batch handler that decodes every record and hands it to `handler`, one by one, in order.

    TransientError from the handler: tried again in place, then raised, so that the bus offers the batch again; what
    of it was done already is not handed over twice. PermanentError, or a record that is no event of ours: parked in
    the dead letters, durably, before the batch counts as done. Any other exception: logged, tried again, then parked
    with the code "crashed". If the dead letters cannot be written, TransientError is raised: nothing is skipped.
    Before an event is parked, `giving_up` hears of it; perhaps more than once.

    While an event is handled, `correlation_id` and `shop` are bound to every log line.
    """

    def handle(received: Sequence[Received]) -> None:
        for item in received:
            if item.envelope is not None:
                handler(item.envelope)

    dispatcher = _Dispatcher(handle, bus, group, patience, clock or SystemClock(), giving_up)
    return dispatcher.one_by_one


def batches(
    handler: Callable[[Sequence[Received]], None],
    *,
    bus: Bus,
    group: str,
    patience: Patience = _PATIENCE,
    clock: Clock | None = None,
) -> BatchHandler:
    """Return a batch handler that decodes every record and hands over the batch as a whole, in order.

    Like `each`, but: records that cannot be decoded are parked first and handed over with no envelope. If a batch of
    many fails for good it is handed over again one by one, so that only the culprit is parked, and handed over once
    more with no envelope: the handler sees every position, whatever becomes of its message.
    """
    dispatcher = _Dispatcher(handler, bus, group, patience, clock or SystemClock())
    return dispatcher.as_a_whole


class _Dispatcher:
    """Serves one subscription; remembers what became of the batches in hand, for when they are offered again.

    One batch at a time; of several partitions, one that was refused may come again after another's.
    """

    def __init__(
        self,
        handler: Callable[[Sequence[Received]], None],
        bus: Bus,
        group: str,
        patience: Patience,
        clock: Clock,
        giving_up: Callable[[Envelope[Any]], None] = _untold,
    ) -> None:
        self._handler = handler
        self._bus = bus
        self._group = group
        self._patience = patience
        self._clock = clock
        self._giving_up = giving_up
        self._done: set[Position] = set()
        self._parked: set[Position] = set()
        self._failures: dict[Position, Failure] = {}

    def one_by_one(self, records: Sequence[Record]) -> None:
        for item in self._decoded(records):
            self._handle_alone(item)
        self._forget(records)

    def as_a_whole(self, records: Sequence[Record]) -> None:
        received = self._decoded(records)
        if len(received) == 1 or not self._taken_whole(received):
            for item in received:
                self._handle_alone(item)
        self._forget(records)

    def _taken_whole(self, received: Sequence[Received]) -> bool:
        try:
            envelopes, topic = [item.envelope for item in received], received[0].record.position.topic
            with handled_together(envelopes, topic, self._group):
                self._try(received, retried=TransientError)
        except TransientError:
            raise
        except Exception as error:  # noqa: BLE001 (each is tried alone next, where its own error is logged and parked)
            _log.warning("batch.split", group=self._group, count=len(received), error=type(error).__name__)
            return False
        return True

    def _forget(self, records: Sequence[Record]) -> None:
        """Forget a batch that is done; one of another partition may wait to be offered again."""
        for record in records:
            self._done.discard(record.position)
            self._parked.discard(record.position)
            self._failures.pop(record.position, None)

    def _decoded(self, records: Sequence[Record]) -> list[Received]:
        return [Received(record, self._decode(record)) for record in considerate(records)]

    def _decode(self, record: Record) -> Envelope[Any] | None:
        if record.position in self._parked or record.message.forgotten:
            return None
        try:
            return of_its_shop(record)
        except InvalidInputError as error:
            self._note_failure(record)
            self._park(record, error)
            return None

    def _handle_alone(self, item: Received) -> None:
        if item.record.position in self._done:
            return
        with _bound(item.envelope), handled(item.envelope, item.record.position.topic, self._group):
            try:
                self._try([item], retried=Exception)
            except TransientError:
                raise
            except Exception as error:  # noqa: BLE001 (whatever it is, it must neither block the others nor be lost)
                self._give_up(item, error)
        self._done.add(item.record.position)

    def _give_up(self, item: Received, error: Exception) -> None:
        """Park a message, and let the handler see its position without it."""
        if item.envelope is None:
            raise TransientError("the handler fails even without the message; stopping here") from error
        self._giving_up(item.envelope)
        self._park(item.record, error)
        self._try([Received(item.record, None)], retried=TransientError)

    def _try(self, received: Sequence[Received], retried: type[Exception]) -> None:
        """Call the handler, again and again for errors of a kind; a PermanentError is never worth it."""
        retrying = Retrying(
            retry=retry_if_exception(lambda e: isinstance(e, retried) and not isinstance(e, PermanentError)),
            stop=stop_after_attempt(self._patience.attempts),
            wait=wait_random_exponential(multiplier=self._patience.first_pause, max=self._patience.longest_pause),
            reraise=True,
        )
        retrying(partial(self._call, received))

    def _call(self, received: Sequence[Received]) -> None:
        try:
            self._handler(received)
        except Exception as error:
            if len(received) == 1:
                self._note_failure(received[0].record)
            if not isinstance(error, TransientError | PermanentError):
                _log.exception("handler.crashed", group=self._group, count=len(received))
            raise

    def _note_failure(self, record: Record) -> None:
        self._failures[record.position] = Failure.again(self._failures.get(record.position), self._clock.now())

    def _park(self, record: Record, error: Exception) -> None:
        """Publish a dead letter; on return it is durable. A topic declared without dead letters only logs it."""
        _publish_letter(record, error, self._failures[record.position], bus=self._bus, group=self._group)
        self._parked.add(record.position)


def _publish_letter(record: Record, error: Exception, failure: Failure, *, bus: Bus, group: str) -> None:
    code, message = describe(error)
    topic = record.position.topic
    if TOPICS[topic].dead_letters:
        bus.publish([letter(record, group, code, message, failure)])
    DEAD_LETTERS.labels(topic, code).inc()
    _log.error("message.parked", group=group, topic=topic, offset=record.position.offset, code=code)


def fetched(record: Record, *, bus: Bus, group: str, clock: Clock) -> Received:
    """Decode a record that was fetched from the log, not offered; what is no event of ours is parked, unless it was.

    It was, if the bus offered it before. It was not, if the group's offsets were moved past it.

    Raises:
        UnavailableError: the dead letters cannot be read or written.
    """
    if record.message.forgotten:
        return Received(record, None)
    try:
        return Received(record, of_its_shop(record))
    except InvalidInputError as error:
        if not is_parked(bus, record.position):
            _publish_letter(record, error, Failure.again(None, clock.now()), bus=bus, group=group)
        return Received(record, None)


def of_its_shop(record: Record) -> Envelope[Any]:
    """Decode a record; its key and its event must name the same shop, or something crossed from one to another.

    Raises:
        InvalidInputError: it is no event of ours, or its key names another shop.
    """
    envelope = decode(record.message)
    if not record.message.key.startswith(f"{envelope.shop}|".encode()):
        raise InvalidInputError("the key does not name the event's shop")
    return envelope


def _bound(envelope: Envelope[Any] | None) -> AbstractContextManager[Any]:
    if envelope is None:
        return nullcontext()
    return bound_contextvars(correlation_id=envelope.correlation_id, shop=envelope.shop)
