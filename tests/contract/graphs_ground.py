"""Small graphs, and events to make them of."""

import json

from shared.bus.port import Position
from shared.contracts.events import Kind
from shared.history.port import Entry
from shared.knowledge.ladybug import LadybugKnowledge


def entry(kind, id, /, *, shop="s", moment=1_000, **data):
    position = Position("log", "commerce.purchases.v1", 0, 0)
    return Entry(shop, kind, id, "", position, data["user_id"], None, moment, "", json.dumps(data).encode())


def bought(id, user, *products, moment, shop="s", categories=("Grocery",)):
    lines = [
        {
            "product_id": one,
            "quantity": "1",
            "unit_price": "1.5",
            "name": one.title(),
            "categories": list(categories),
        }
        for one in products
    ]
    return entry(Kind.PURCHASE, id, shop=shop, moment=moment, user_id=user, currency="EUR", lines=lines)


def interested(id, user, name, score="0.8"):
    return entry(Kind.INTEREST, id, user_id=user, kind="stated", name=name, score=score)


def counted_as_filled(knowledge):
    """Let a graph answer as if a rebuild had filled it; a real one for each test would take CI a minute."""
    if isinstance(knowledge, LadybugKnowledge):
        knowledge.engine.current.finish()
        knowledge.engine.reason = ""
        return knowledge
    knowledge.engine.pointer()
    with knowledge.engine.connection.session(writes=True) as session:
        session.run("MATCH (g:Generation {uid: 'current'}) SET g.complete = 1").consume()
    knowledge.engine.pointer()
    return knowledge
