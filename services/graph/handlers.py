"""What the graph service does with events: first the ledger, then the graph, each with its watermark; erasure too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from services.graph.contacts import keep_contact
from services.graph.erasure import Erased, erase, finish, forgotten
from services.graph.ports import Changed, GraphPorts
from shared.bus.dispatch import Received, fetched
from shared.bus.port import Position
from shared.clock import to_ms
from shared.contracts.codec import ASSUMED, Envelope, canonical, digest_of
from shared.contracts.events import (
    InterestExpressed,
    Kind,
    ProductUpdated,
    PurchaseRecorded,
    PurchaseRefunded,
    UserErased,
    UserUpdated,
)
from shared.contracts.topics import COMMERCE
from shared.courtesy import considerate
from shared.errors import ConflictError, InvalidInputError, TransientError
from shared.history.port import Entry, Outcome
from shared.knowledge.projection import Delta, fold
from shared.metrics import EVENT_TO_GRAPH, EVENTS_PROJECTED

GROUP = "graph"
_READ = 500  # records fetched from the log at a time


class _CrossedError(Exception):
    """Somebody whom a batch tells of was erased while it was projected."""


def project(received: Sequence[Received], ports: GraphPorts) -> None:
    """Bring one partition's records, in order, into the ledger and the graph; what is there already has no effect.

    Records at or under the graph's watermark are skipped; what is missing between it and these is fetched from the
    log itself, so that neither a lost nor a moved offset of the bus can leave a gap. While a backfill is under way
    they are recorded only.

    Raises:
        TransientError: nothing, or a whole prefix, has been dealt with; offer the records again.
    """
    if not received:
        return
    with ports.projecting:
        first = received[0].record.position
        held = _held(first, ports)
        for batch in _missing(first, held, ports):
            _project(batch, ports)
        if beyond := [item for item in received if item.record.position.offset > held]:
            _project(beyond, ports)


def catch_up(ports: GraphPorts) -> None:
    """Project what the log holds beyond the graph's watermarks, as after a restore."""
    with ports.projecting:
        for end in (end for topic in COMMERCE for end in ports.bus.ends(topic)):
            for batch in _missing(end, _held(end, ports), ports):
                _project(batch, ports)


def entry_of(envelope: Envelope[Any], origin: Position) -> Entry:
    """Return the ledger's entry for an event."""
    data = envelope.data
    content = canonical(data)
    return Entry(
        shop=envelope.shop,
        kind=data.ledger_kind,
        id=envelope.id,
        digest=envelope.digest if ASSUMED in envelope.extensions else digest_of(content),
        origin=origin,
        user_id=getattr(data, "user_id", None),
        product_id=getattr(data, "product_id", None),
        at=happened_at(data),
        type=envelope.type,
        data=content,
    )


def happened_at(data: Any) -> int:
    """Return when an event happened, in milliseconds."""
    match data:
        case PurchaseRecorded():
            return to_ms(data.purchased_at)
        case PurchaseRefunded():
            return to_ms(data.refunded_at)
        case InterestExpressed():
            return to_ms(data.expressed_at)
        case ProductUpdated() | UserUpdated():
            return to_ms(data.updated_at)
        case UserErased():
            return to_ms(data.erased_at)
    raise InvalidInputError(f"{type(data).__name__} is no event of the ledger")


def _held(position: Position, ports: GraphPorts) -> int:
    """Return the last offset of a partition that needs no more work; -1 if none of this log was worked on.

    That is what the graph holds; while a backfill is under way, it is what the ledger holds.
    """
    where = (position.log, position.topic, position.partition)
    marks = ports.history.watermarks() if ports.backfills.under_way else ports.knowledge.watermarks()
    return next((at.offset for at in marks if (at.log, at.topic, at.partition) == where), -1)


def _missing(until: Position, held: int, ports: GraphPorts) -> Iterator[list[Received]]:
    """Yield, batch by batch, the log's records after `held` and before `until`."""
    start = held + 1
    while start < until.offset:
        records = ports.bus.read(until.topic, until.partition, start, min(_READ, until.offset - start))
        records = [r for r in records if r.position.log == until.log and start <= r.position.offset < until.offset]
        if not records:
            return
        yield [fetched(record, bus=ports.bus, group=GROUP, clock=ports.clock) for record in records]
        start = records[-1].position.offset + 1


def _project(batch: Sequence[Received], ports: GraphPorts) -> None:
    """Record all in order, then project: by then whoever is erased in between is out of the graph as it was before."""
    entries = _recorded(batch, ports)
    while not _has_effect(entries, batch, ports):
        pass  # fewer of them are left each time


def _has_effect(entries: Sequence[Entry], batch: Sequence[Received], ports: GraphPorts) -> bool:
    """Project, unless another worker erases someone of the batch meanwhile.

    By the time of the look, who erases must wait for this to be done before they may mend the graph.
    """
    unforgotten = _unforgotten(entries, ports)
    if ports.backfills.under_way:
        return True  # the ledger has them; the graph is filled from there when the backfill ends

    def unless_crossed() -> None:
        if forgotten(unforgotten, ports):
            raise _CrossedError

    try:
        _apply(fold(unforgotten), batch, ports, unless_crossed)
    except _CrossedError:
        return False
    return True


def _recorded(batch: Sequence[Received], ports: GraphPorts) -> list[Entry]:
    """Record a batch, and erase whom it says; return the entries whose effects belong in the graph.

    Erasures stand alone, so that what came before is there to be erased. The pass over the ledger that they take is one
    for all: where a person is erased every second, a pass for each would never be done before the next rebalance.
    """
    entries: list[Entry] = []
    erased: list[Erased] = []
    for is_erasure, part in groupby(batch, key=_is_erasure):
        accepted = _record(list(part), ports)
        entries += [entry for entry, _ in accepted]
        if is_erasure:
            erased += [erase(entry, ports, again=outcome is Outcome.REDELIVERED) for entry, outcome in accepted]
    finish(erased, ports)
    return entries


def _is_erasure(item: Received) -> bool:
    return item.envelope is not None and isinstance(item.envelope.data, UserErased)


def _record(items: Sequence[Received], ports: GraphPorts) -> list[tuple[Entry, Outcome]]:
    """Record the items in the ledger; return those whose effects belong in the graph."""
    entries = [
        entry_of(item.envelope, item.record.position) for item in considerate(items) if item.envelope is not None
    ]
    outcomes = ports.history.record(entries, [items[-1].record.position])
    for entry, outcome in zip(entries, outcomes, strict=True):
        EVENTS_PROJECTED.labels(entry.kind.value, outcome.value).inc()
    return [
        (entry, outcome)
        for entry, outcome in zip(entries, outcomes, strict=True)
        if outcome in {Outcome.NEW, Outcome.REDELIVERED}
    ]


def _unforgotten(entries: Sequence[Entry], ports: GraphPorts) -> list[Entry]:
    """Pass over what happened to an erased person before the erasure and came late; keep contacts apart."""
    gone = {id(entry) for entry in forgotten(entries, ports)}
    kept = [entry for entry in entries if id(entry) not in gone]
    for entry in kept:
        if entry.kind is Kind.USER:
            keep_contact(entry, ports)
    return kept


def _apply(delta: Delta, items: Sequence[Received], ports: GraphPorts, check: Callable[[], None]) -> None:
    try:
        ports.knowledge.apply(delta, [items[-1].record.position], check)
    except ConflictError as error:
        raise TransientError("another writer projects this partition") from error
    now = to_ms(ports.clock.now())
    for item in items:
        EVENT_TO_GRAPH.observe(max(0, now - item.record.appended_at) / 1000)
    ports.changed(_changed(delta, items))


def _changed(delta: Delta, items: Iterable[Received]) -> Changed:
    """Return what a batch changed; what the catalogue says, or who is erased, is not told by people."""
    people = frozenset((key[1], key[2]) for key in delta if key[0] == "purchased")
    described = {key[1] for key in delta if key[0] == "product"} - {shop for shop, _ in people}
    erased = {item.envelope.shop for item in items if item.envelope and _is_erasure(item)}
    worded = frozenset(key[1] for key in delta if key[0] == "interest" and key[2].startswith("tag:"))
    return Changed(frozenset(key[1] for key in delta) | erased, people, worded, frozenset(described | erased))
