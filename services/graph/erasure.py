"""Forgetting a person everywhere: ledger, log, graph, documents and objects; what comes late goes on arrival."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.graph.compare import mend
from services.graph.contacts import forget_contact
from services.graph.ports import GraphPorts
from shared.contracts.events import Kind
from shared.erasures import ERASURES, forget_documents, forget_made
from shared.history.port import Entry
from shared.logs import logger

_JOBS = "jobs"

_log = logger("graph")


@dataclass(frozen=True, slots=True)
class Erased:
    """A person of whom all is forgotten but their share in rows of others; `before` (ms) as the mark says."""

    shop: str
    user: str
    before: int
    again: bool
    mark: Mapping[str, Any]


def erase(entry: Entry, ports: GraphPorts, *, again: bool) -> Erased:
    """Forget what happened to a person before an erasure; `finish` must follow.

    Each step may be repeated, and the event is offered again until all are done. The mark changes before the first
    step, when history and graph have forgotten, and in the end: by that the makers of emails and boards notice
    (`shared.erasures.unless_erased`).

    Raises:
        UnavailableError: an engine does not answer; the steps done so far stay done.
    """
    shop, user = _person(entry)
    mark = ports.history.get(ERASURES, shop, user)
    body = dict(mark.body) if mark else {}
    body["before"] = before = max(entry.at, int(body.get("before", 0)))
    ports.history.put(ERASURES, shop, user, body)
    _forget(shop, user, before, ports)
    ports.knowledge.mend(shop, [], [("user", shop, user)])
    ports.bus.forget(f"{shop}|{user}".encode(), before)
    ports.history.put(ERASURES, shop, user, body)
    forget_made(shop, user, ports.history, ports.objects)
    forget_documents(_JOBS, shop, user, ports.history, ports.objects)
    return Erased(shop, user, before, again, body)


def finish(erased: Sequence[Erased], ports: GraphPorts) -> None:
    """Make the graph equal to what the ledger still says, and let those who asked see it done.

    Rows that a person shared with others (a product's facts, an interest's spelling, the shop's last purchase) are made
    anew from what others did. That takes a pass over the shop's ledger: one for all of its people erased together.

    Raises:
        UnavailableError: an engine does not answer; the steps done so far stay done.
    """
    for shop in sorted({one.shop for one in erased}):
        mend(ports, shop, ports.progress)
    for one in erased:
        ports.history.put(ERASURES, one.shop, one.user, {**one.mark, "finished": one.before})
        _log.info("user.erased", shop=one.shop, reason="repeated" if one.again else "asked")


def forgotten(entries: Sequence[Entry], ports: GraphPorts) -> list[Entry]:
    """Return those of the entries that are about persons erased after they happened; nothing keeps them any longer."""
    told = [entry for entry in entries if entry.kind is not Kind.ERASURE]
    before = _erased_before(told, ports)
    found = [entry for entry in told if entry.at < before.get(_person(entry), entry.at)]
    for shop, user in {_person(entry) for entry in found}:
        _forget(shop, user, before[shop, user], ports)
    return found


def _person(entry: Entry) -> tuple[str, str]:
    return entry.shop, entry.user_id or ""


def _erased_before(entries: Iterable[Entry], ports: GraphPorts) -> dict[tuple[str, str], int]:
    """Return until when (ms) each of these persons who was ever erased is forgotten, by shop and user."""
    users: dict[str, set[str]] = defaultdict(set)
    for shop, user in map(_person, entries):
        users[shop].add(user)
    marks = {shop: ports.history.get_all(ERASURES, shop, ids) for shop, ids in users.items()}
    return {(shop, user): int(mark.body["before"]) for shop, of in marks.items() for user, mark in of.items()}


def _forget(shop: str, user: str, before: int, ports: GraphPorts) -> None:
    ports.history.erase(shop, user, before)
    forget_contact(shop, user, before, ports)
