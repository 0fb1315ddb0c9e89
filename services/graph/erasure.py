"""Forgetting a person everywhere: ledger, log, graph, documents and objects; what comes late goes on arrival."""

from __future__ import annotations

from collections.abc import Sequence

from services.graph.compare import mend
from services.graph.contacts import CONTACTS
from services.graph.ports import GraphPorts
from shared.erasures import ERASURES, forget_documents, forget_made
from shared.history.port import Entry
from shared.logs import logger

_JOBS = "jobs"

_log = logger("graph")


def erase(entry: Entry, ports: GraphPorts, *, again: bool) -> None:
    """Forget what happened to a person before an erasure; on return the graph equals what the ledger still says.

    Each step may be repeated, and the event is offered again until all are done. Rows that the person shared with
    others (a product's facts, an interest's spelling, the shop's last purchase) are made anew from what others did,
    which takes a pass over the shop's ledger. The mark changes before the first step, when history and graph have
    forgotten, and in the end: by that the makers of emails and boards notice (`shared.erasures.unless_erased`).

    Raises:
        UnavailableError: an engine does not answer; the steps done so far stay done.
    """
    if entry.user_id is None:
        return
    shop, user = entry.shop, entry.user_id
    mark = ports.history.get(ERASURES, shop, user)
    body = dict(mark.body) if mark else {}
    body["before"] = before = max(entry.at, int(body.get("before", 0)))
    ports.history.put(ERASURES, shop, user, body)
    _forget(shop, user, before, ports)
    _forget_projected(shop, user, ports)
    ports.bus.forget(f"{shop}|{user}".encode(), before)
    ports.history.put(ERASURES, shop, user, body)
    forget_made(shop, user, ports.history, ports.objects)
    forget_documents(_JOBS, shop, user, ports.history, ports.objects)
    mend(ports, shop)
    ports.history.put(ERASURES, shop, user, body | {"finished": before})  # who asked can see it done
    _log.info("user.erased", shop=shop, reason="repeated" if again else "asked")


def is_forgotten(entry: Entry, ports: GraphPorts) -> bool:
    """Say whether an entry is about a person erased after it happened; if so the ledger has forgotten it too."""
    if entry.user_id is None:
        return False
    erasure = ports.history.get(ERASURES, entry.shop, entry.user_id)
    if erasure is None or entry.at >= int(erasure.body["before"]):
        return False
    _forget(entry.shop, entry.user_id, int(erasure.body["before"]), ports)
    return True


def forget_crossed(entries: Sequence[Entry], ports: GraphPorts) -> None:
    """Take back what was projected of persons whom another worker erased meanwhile."""
    crossed: dict[str, set[str]] = {}
    for entry in entries:
        if entry.user_id is not None and is_forgotten(entry, ports):
            crossed.setdefault(entry.shop, set()).add(entry.user_id)
    for shop, users in crossed.items():
        for user in users:
            _forget_projected(shop, user, ports)
        mend(ports, shop)


def _forget(shop: str, user: str, before: int, ports: GraphPorts) -> None:
    with ports.projecting:
        ports.history.erase(shop, user, before)
        ports.forgotten.times += 1


def _forget_projected(shop: str, user: str, ports: GraphPorts) -> None:
    ports.knowledge.mend(shop, [], [("user", shop, user)])
    ports.history.delete(CONTACTS, shop, user)
