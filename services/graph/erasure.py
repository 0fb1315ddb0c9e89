"""Forgetting a person everywhere: ledger, documents and graph; what of theirs comes late is forgotten on arrival."""

from __future__ import annotations

from services.graph.compare import mend
from services.graph.contacts import CONTACTS
from services.graph.ports import GraphPorts
from shared.history.port import Entry
from shared.logs import logger

ERASURES = "erasures"
_ABOUT_A_PERSON = ("decisions", "emails", "boards", "jobs")

_log = logger("graph")


def erase(entry: Entry, ports: GraphPorts, *, again: bool) -> None:
    """Forget what happened to a person before an erasure; on return the graph equals what the ledger still says.

    Rows that the person shared with others (a product's facts, an interest's spelling, the shop's last purchase) are
    made anew from what others did, which takes a pass over the shop's ledger.
    """
    if entry.user_id is None:
        return
    user = entry.user_id
    known = ports.history.get(ERASURES, entry.shop, user)
    before = max(entry.at, int(known.body["before"]) if known else entry.at)
    ports.history.put(ERASURES, entry.shop, user, {"before": before})
    _forget(entry.shop, user, before, ports)
    ports.knowledge.mend(entry.shop, [], [("user", entry.shop, user)])
    ports.history.delete(CONTACTS, entry.shop, user)
    for collection in _ABOUT_A_PERSON:
        _forget_documents(collection, entry.shop, user, ports)
    mend(ports, entry.shop)
    _log.info("user.erased", shop=entry.shop, reason="repeated" if again else "asked")


def is_forgotten(entry: Entry, ports: GraphPorts) -> bool:
    """Say whether an entry is about a person erased after it happened; if so the ledger has forgotten it too."""
    if entry.user_id is None:
        return False
    erasure = ports.history.get(ERASURES, entry.shop, entry.user_id)
    if erasure is None or entry.at >= int(erasure.body["before"]):
        return False
    _forget(entry.shop, entry.user_id, int(erasure.body["before"]), ports)
    return True


def _forget(shop: str, user: str, before: int, ports: GraphPorts) -> None:
    with ports.projecting:
        ports.history.erase(shop, user, before)
        ports.forgotten.times += 1


def _forget_documents(collection: str, shop: str, user: str, ports: GraphPorts) -> None:
    while documents := ports.history.find(collection, shop, {"user_id": user}).items:
        for document in documents:
            ports.history.delete(collection, shop, document.id)
