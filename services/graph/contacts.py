"""Contact data: kept as documents apart from behaviour, the latest word for each field, never in the graph."""

from __future__ import annotations

import json

from services.graph.ports import GraphPorts
from shared.history.port import Entry

CONTACTS = "contacts"


def keep_contact(entry: Entry, ports: GraphPorts) -> None:
    """Keep the contact fields of a user event, each unless a later event has already said otherwise."""
    contact = json.loads(entry.data).get("contact")
    if not contact or entry.user_id is None:
        return
    stamp = f"{entry.at:016d}|{entry.id}"
    held = ports.history.get(CONTACTS, entry.shop, entry.user_id)
    body = dict(held.body) if held else {}
    stamps = dict(body.get("stamps", {}))
    newer = {field: value for field, value in contact.items() if stamps.get(field, "") < stamp}
    if newer:
        stamps |= dict.fromkeys(newer, stamp)
        ports.history.put(CONTACTS, entry.shop, entry.user_id, body | newer | {"stamps": stamps})


def forget_contact(shop: str, user: str, before: int, ports: GraphPorts) -> None:
    """Forget what was said of a person's contact before a moment (ms); what was said since stays."""
    held = ports.history.get(CONTACTS, shop, user)
    if held is None:
        return
    stamps = {field: stamp for field, stamp in held.body["stamps"].items() if int(stamp.partition("|")[0]) >= before}
    if stamps:
        ports.history.put(CONTACTS, shop, user, {field: held.body[field] for field in stamps} | {"stamps": stamps})
    else:
        ports.history.delete(CONTACTS, shop, user)
