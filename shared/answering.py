"""A service that answers the requests of one topic: it listens once started."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

from shared.bus.dispatch import each
from shared.bus.port import Bus, Subscription, unready
from shared.contracts.codec import Envelope
from shared.engines import Engines
from shared.operations import Check
from shared.process import answers, moves
from shared.replies import give_up

P = TypeVar("P")


@dataclass
class AnsweringService(Generic[P]):
    """Hands every request, with the service's ports, to `answer`; `ended` lets go of what the ports hold."""

    ports: P
    bus: Bus
    group: str
    topic: str
    answer: Callable[[Envelope[Any], P], None]
    batch: int
    ended: Callable[[], None]
    _subscriptions: list[Subscription] = field(default_factory=list)

    def start(self) -> None:
        """Begin to answer."""
        giving_up = partial(give_up, bus=self.bus)
        handler = each(
            lambda envelope: self.answer(envelope, self.ports), bus=self.bus, group=self.group, giving_up=giving_up
        )
        self._subscriptions.append(self.bus.subscribe(self.group, [self.topic], handler, batch=self.batch))

    def unready(self) -> str | None:
        """Return what keeps the consumer from its work, or none."""
        return unready(self._subscriptions)

    def progress(self) -> float:
        """Return seconds since the consumer last made progress; 0 while it is not subscribed yet."""
        return max((one.progress() for one in self._subscriptions), default=0.0)

    def stop(self) -> None:
        """Finish the request in hand and stop."""
        while self._subscriptions:
            self._subscriptions.pop().stop()
        self.ended()


def needs(engines: Engines, service: AnsweringService[Any]) -> dict[str, Check]:
    """Return what must answer for requests to be answered."""
    return {
        "bus": engines.bus.unready,
        "knowledge": answers(engines.knowledge.status),
        "consumer": service.unready,
        "progress": moves(service.progress),
    }
