"""A trace's hops over the bus: handling a message continues what published it; a batch continues many at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from shared import tracing
from shared.contracts.codec import Envelope

_MOST = 100  # traces that a batch continues; of the others the first spans tell


def handled(envelope: Envelope[Any] | None, topic: str, group: str) -> AbstractContextManager[None]:
    """Return the span of handling one message."""
    if envelope is None or not tracing.on():
        return nullcontext()
    parent = envelope.extensions.get(tracing.HEADER, "")
    return tracing.span(f"process {topic}", "consumer", parent=parent, attributes=_told(topic, group, 1))


@contextmanager
def handled_together(envelopes: Sequence[Envelope[Any] | None], topic: str, group: str) -> Iterator[None]:
    """Be inside the span of handling a batch: it stands in the first message's trace; the others' refer to it."""
    if not tracing.on() or not (parents := _parents(envelopes)):
        yield
        return
    told = _told(topic, group, len(envelopes))
    with tracing.span(f"process {topic}", "consumer", parent=parents[0], links=parents[1:], attributes=told):
        yield
        here = [tracing.traceparent()]
        for parent in parents[1:]:
            with tracing.span(f"process {topic}", "consumer", parent=parent, links=here, attributes=told):
                pass


def _parents(envelopes: Sequence[Envelope[Any] | None]) -> list[str]:
    given = (each.extensions.get(tracing.HEADER, "") for each in envelopes if each is not None)
    return list(dict.fromkeys(filter(None, given)))[:_MOST]


def _told(topic: str, group: str, count: int) -> tracing.Attributes:
    return {
        "messaging.system": "tastegraph",
        "messaging.operation.type": "process",
        "messaging.destination.name": topic,
        "messaging.consumer.group.name": group,
        "messaging.batch.message_count": count,
    }
