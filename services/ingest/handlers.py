"""Items come in, events go out: each valid one is published once, each invalid one explained."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from services.ingest.model import INTAKES, to_event
from shared.bus.port import Message, Position
from shared.clock import Clock
from shared.contracts.codec import Envelope, digest, encode
from shared.contracts.events import Kind
from shared.contracts.values import Model
from shared.errors import InvalidInputError
from shared.metrics import EVENTS_TAKEN_IN

Word = Literal["accepted", "duplicate", "conflict", "rejected"]


@dataclass(frozen=True)
class IngestPorts:
    """All that taking events in needs of the outside."""

    publish: Callable[[Sequence[Message]], list[Position]]
    known: Callable[[str, Kind, Iterable[str]], dict[str, str]]
    clock: Clock


@dataclass(frozen=True)
class ItemOutcome:
    """What became of one item: where its event stands in the log, or what is wrong with it."""

    index: int
    outcome: Word
    id: str | None = None
    position: Position | None = None
    problem: dict[str, Any] | None = None


def take_in(
    shop: str,
    kind: str,
    values: Sequence[Any],
    ports: IngestPorts,
    *,
    backfill: bool = False,
    correlation_id: str = "",
) -> list[ItemOutcome]:
    """Validate items of one kind and publish the valid ones, all at once; when it returns, they are durable.

    One that the ledger already knows is not published again; one that contradicts it is, for the ledger to quarantine.

    Raises:
        UnavailableError: nothing was published, or it is not known whether: repeat it under the same ids.
    """
    now = ports.clock.now()
    events, outcomes = _validated(shop, kind, values, now, backfill=backfill)
    words = _judged(shop, kind, events, ports)
    new = [index for index, word in words.items() if word != "duplicate"]
    positions = dict(
        zip(new, _published(shop, kind, [events[at] for at in new], now, correlation_id, ports), strict=True)
    )
    for index, word in words.items():
        outcomes[index] = ItemOutcome(index, word, _id(kind, events[index]), positions.get(index))
    for outcome in outcomes.values():
        EVENTS_TAKEN_IN.labels(kind, outcome.outcome).inc()
    return [outcomes[index] for index in range(len(values))]


def _validated(
    shop: str, kind: str, values: Sequence[Any], now: datetime, *, backfill: bool
) -> tuple[dict[int, Model], dict[int, ItemOutcome]]:
    events: dict[int, Model] = {}
    rejected: dict[int, ItemOutcome] = {}
    for index, value in enumerate(values):
        try:
            events[index] = to_event(shop, kind, value, now, backfill=backfill)
        except InvalidInputError as error:
            rejected[index] = ItemOutcome(index, "rejected", problem=problem_of(error))
    return events, rejected


def problem_of(error: InvalidInputError) -> dict[str, Any]:
    """Return an item's problem details."""
    errors = [{"pointer": each.pointer, "detail": each.detail} for each in error.violations]
    return {"title": "invalid item", "detail": str(error)} | ({"errors": errors} if errors else {})


def _judged(shop: str, kind: str, events: dict[int, Model], ports: IngestPorts) -> dict[int, Word]:
    """Compare with the ledger; the digest is only made where the id is known, for it costs most of all."""
    ledger_kind: Kind = INTAKES[kind].contract.ledger_kind  # type: ignore[attr-defined]
    known = ports.known(shop, ledger_kind, [_id(kind, event) for event in events.values()]) if events else {}

    def word(event: Model) -> Word:
        stands = known.get(_id(kind, event))
        if stands is None:
            return "accepted"
        return "duplicate" if stands == digest(event) else "conflict"

    return {index: word(event) for index, event in events.items()}


def _published(
    shop: str, kind: str, events: Sequence[Model], now: datetime, correlation_id: str, ports: IngestPorts
) -> list[Position]:
    if not events:
        return []
    subject, time = INTAKES[kind].subject, now.isoformat()
    return ports.publish(
        [
            encode(Envelope(shop, _id(kind, event), getattr(event, subject), time, event, correlation_id))
            for event in events
        ]
    )


def _id(kind: str, event: Model) -> str:
    return str(getattr(event, INTAKES[kind].id))
