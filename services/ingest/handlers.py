"""Items come in, events go out: each valid one is published once, each invalid one explained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from services.ingest.model import INTAKES, Fact, to_fact
from services.ingest.orders import Timeline, known_order, whole_refund
from shared.bus.port import Message, Position
from shared.clock import Clock
from shared.contracts.codec import decode, encode
from shared.contracts.events import Kind, PurchaseRecorded
from shared.errors import InvalidInputError, UnavailableError
from shared.metrics import EVENTS_TAKEN_IN

Word = Literal["accepted", "duplicate", "conflict", "rejected"]
Item = tuple[str, Any]  # the kind of intake and the payload, or "" and the error that kept it from being read
Facts = dict[int, Fact]


@dataclass(frozen=True)
class IngestPorts:
    """All that taking events in needs of the outside."""

    publish: Callable[[Sequence[Message]], list[Position]]
    known: Callable[[str, Kind, Iterable[str]], dict[str, str]]
    timeline: Timeline
    clock: Clock


@dataclass(frozen=True)
class ItemOutcome:
    """What became of one item: where its event stands in the log, or what is wrong with it."""

    index: int
    outcome: Word
    id: str | None = None
    position: Position | None = None
    problem: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """A valid item as the message that says it; whether the ledger knows it already is asked when it is offered."""

    kind: str
    id: str
    message: Message

    @property
    def digest(self) -> str:
        """The digest of what the shop said."""
        return decode(self.message).digest


def take_in_mixed(
    shop: str, items: Sequence[Item], ports: IngestPorts, *, correlation_id: str = ""
) -> list[ItemOutcome]:
    """Validate items and publish the valid ones, all at once; when it returns, they are durable.

    One that the ledger already knows is not published again; one that contradicts it is, for the ledger to quarantine.

    Raises:
        UnavailableError: nothing was published, or it is not known whether: repeat it under the same ids.
    """
    now = ports.clock.now()
    facts, outcomes = _validated(shop, items, ports, now)
    outcomes |= offer(shop, {index: _ready(fact, shop, now, correlation_id) for index, fact in facts.items()}, ports)
    words = Counter((items[index][0] or "unknown", outcome.outcome) for index, outcome in outcomes.items())
    for word, count in words.items():
        EVENTS_TAKEN_IN.labels(*word).inc(count)
    return [outcomes[index] for index in range(len(items))]


def prepare(shop: str, kind: str, value: Any, now: datetime) -> Ready:
    """Return an item of a backfill, of any time in the past, ready to be offered; pure.

    Raises:
        InvalidInputError: it breaks its contract; says where and how.
    """
    return _ready(to_fact(shop, kind, value, now, backfill=True), shop, now)


def offer(shop: str, ready: Mapping[int, Ready], ports: IngestPorts) -> dict[int, ItemOutcome]:
    """Publish valid items, all at once, except those that the ledger knows; what became of each, by its index.

    Raises:
        UnavailableError: nothing was published, or it is not known whether: repeat it under the same ids.
    """
    words = _judged(shop, ready, ports)
    new = [index for index, word in words.items() if word != "duplicate"]
    messages = [ready[index].message for index in new]
    positions = dict(zip(new, ports.publish(messages) if messages else [], strict=True))
    return {index: ItemOutcome(index, word, ready[index].id, positions.get(index)) for index, word in words.items()}


def _ready(fact: Fact, shop: str, now: datetime, correlation_id: str = "") -> Ready:
    return Ready(fact.kind, fact.id, encode(fact.envelope(shop, now, correlation_id)))


def _validated(
    shop: str, items: Sequence[Item], ports: IngestPorts, now: datetime
) -> tuple[Facts, dict[int, ItemOutcome]]:
    facts: Facts = {}
    rejected: dict[int, ItemOutcome] = {}
    for index, (kind, value) in enumerate(items):
        try:
            said = _with_lines(shop, value, facts, ports) if _is_whole_refund(kind, value) else value
            facts[index] = to_fact(shop, kind, said, now)
        except InvalidInputError as error:
            rejected[index] = ItemOutcome(index, "rejected", problem=problem_of(error))
    return facts, rejected


def _is_whole_refund(kind: str, value: Any) -> bool:
    """Say whether a refund leaves its lines out; a broken one is left to its contract."""
    named = isinstance(value, Mapping) and all(isinstance(value.get(name), str) for name in ("purchase_id", "user_id"))
    return kind == "refunds" and named and "lines" not in value


def _with_lines(shop: str, value: Mapping[str, Any], before: Facts, ports: IngestPorts) -> dict[str, Any]:
    """Give a refund the lines of its purchase, as the ledger knows it, or as the same body told it before."""
    purchase_id = value["purchase_id"]
    purchase, refunds = known_order(shop, value["user_id"], purchase_id, ports.timeline)
    if purchase is None:
        told = (fact.event for fact in before.values() if fact.kind == "purchases" and fact.id == purchase_id)
        purchase = next((event.model_dump() for event in told if isinstance(event, PurchaseRecorded)), None)
    return whole_refund(value, (purchase, refunds))


def problem_of(error: InvalidInputError) -> dict[str, Any]:
    """Return an item's problem details."""
    errors = [{"pointer": each.pointer, "detail": each.detail} for each in error.violations]
    return {"title": "invalid item", "detail": str(error)} | ({"errors": errors} if errors else {})


def _known(shop: str, kind: Kind, ids: Sequence[str], ports: IngestPorts) -> dict[str, str]:
    """Return what the ledger knows; nothing while it is away: it tells repeats apart by itself when it is back."""
    try:
        return ports.known(shop, kind, ids)
    except UnavailableError:
        return {}


def _judged(shop: str, items: Mapping[int, Ready], ports: IngestPorts) -> dict[int, Word]:
    """Compare with the ledger; the digest is only made where the id is known, for it costs most of all."""
    kinds = {INTAKES[item.kind].ledger_kind for item in items.values()}
    known = {
        kind: _known(shop, kind, [item.id for item in items.values() if INTAKES[item.kind].ledger_kind is kind], ports)
        for kind in kinds
    }

    def word(item: Ready) -> Word:
        stands = known[INTAKES[item.kind].ledger_kind].get(item.id)
        if stands is None:
            return "accepted"
        return "duplicate" if stands == item.digest else "conflict"

    return {index: word(item) for index, item in items.items()}
