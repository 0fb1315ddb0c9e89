"""Measures the graph's questions on a real grocer's year and on copies of it: every question on either engine.

Run: .venv/bin/python bench/graph.py build WHERE [COPIES] [--households N], then
     .venv/bin/python bench/graph.py ask WHERE [--each 200]      (one JSON line on stdout)

WHERE is a directory (LadybugDB) or a bolt: URL (Neo4j). The year is folded with the product's own projection and filled
in as a rebuild does it. A copy has other users with the same purchases of the same products. Neighbours are derived
from the year; each copy's users are like each other as the year's are.
"""

import argparse
import json
import math
import random
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np

from services.embedded.demo import purchases
from services.graph.fitting import Fit
from services.graph.neighbours import derive
from shared.bus.port import Position
from shared.clock import to_ms
from shared.contracts.events import Kind
from shared.history.port import Entry
from shared.knowledge.execution import execute
from shared.knowledge.insight import Parameters
from shared.knowledge.ladybug import LadybugKnowledge
from shared.knowledge.neo4j import Neo4jKnowledge
from shared.knowledge.port import Derived, PurchaseMatrix
from shared.knowledge.projection import complete, project
from shared.knowledge.rows import add

SHOP = "bench"
POSITION = Position("bench", "commerce.purchases.v1", 0, 0)
DERIVED = {
    "bought_with": "MATCH (a:Product)-[e:BOUGHT_WITH]->(b:Product) RETURN a.id, b.id, e.score, e.support",
    "similar_to": "MATCH (a:User)-[e:SIMILAR_TO]->(b:User) RETURN a.id, b.id, e.score, e.support",
    "popular": "MATCH (a:Shop)-[e:POPULAR]->(b:Product) RETURN b.id, e.buyers",
    "popular_in": "MATCH (a:Interest)-[e:POPULAR_IN]->(b:Product) RETURN a.id, b.id, e.buyers",
    "products": "MATCH (b:Product) WHERE b.popular > 0 RETURN b.id, b.popular, b.newcomers, b.loyalty",
}


def main():
    given = arguments()
    knowledge = opened(given.where)
    try:
        answer = build(knowledge, given) if given.act == "build" else ask(knowledge, given.each)
    finally:
        knowledge.close()
    print(json.dumps({"where": given.where.split("@")[-1], **answer}))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("act", choices=("build", "ask"))
    parser.add_argument("where")
    parser.add_argument("copies", type=int, nargs="?", default=1)
    parser.add_argument("--households", type=int)
    parser.add_argument("--like", help="take rows and neighbours from the graph in this directory instead of the year")
    parser.add_argument("--each", type=int, default=200, help="times that each question is asked")
    return parser.parse_args()


def opened(where):
    return Neo4jKnowledge(where) if "://" in where else LadybugKnowledge(Path(where))


def build(knowledge, given):
    started = time.perf_counter()
    rows, derived = of_graph(given.like) if given.like else of_year(given.households)
    known = time.perf_counter()
    knowledge.load(copied(rows, given.copies), [POSITION])
    filled = time.perf_counter()
    knowledge.refresh(SHOP, multiplied(derived, given.copies))
    done = time.perf_counter()
    return {
        "copies": given.copies,
        "lines": given.copies * sum(len(row.times) for key, row in rows if key[0] == "purchased"),
        "edges_bought": given.copies * sum(key[0] == "purchased" for key, _ in rows),
        "fold_and_derive_s": round(known - started),
        "fill_and_prove_s": round(filled - known),
        "write_derived_s": round(done - filled),
    }


def of_year(households):
    """Return the rows of the year, and what is derived from them."""
    delta = folded(households)
    purchases = Purchases.of(delta)
    return list(complete(delta)), derive(purchases.matrix, purchases.abouts, Fit(Parameters(), 0, 0, 0, 0, 0.0, {}))


def of_graph(directory):
    """Return the rows of a graph that was built before, and what is derived there."""
    like = LadybugKnowledge(Path(directory))
    try:
        rows = list(like.rows(SHOP))
        with like.engine.current.reader() as reader:
            edges = {kind: [tuple(row.values()) for row in execute(reader, text)] for kind, text in DERIVED.items()}
    finally:
        like.close()
    return rows, Derived(**edges, parameters=Parameters(), at=max(row.last_at for key, row in rows if key[0] == "shop"))


def folded(households):
    """Return the rows of the year."""
    delta = {}
    for each in purchases(households):
        text = [
            {**line, "quantity": str(line["quantity"]), "unit_price": str(line["unit_price"])} for line in each["lines"]
        ]
        at = to_ms(datetime.fromisoformat(each["purchased_at"]))
        data = json.dumps({**each, "lines": text}).encode()
        entry = Entry(SHOP, Kind.PURCHASE, each["purchase_id"], "", POSITION, each["user_id"], None, at, "", data)
        add(delta, project(entry))
    return delta


def copied(rows, copies):
    yield from rows
    for number in range(1, copies):
        for key, row in rows:
            if key[0] in {"user", "purchased"}:
                yield (*key[:2], named(key[2], number), *key[3:]), row


def named(user, number):
    return user if number == 0 else f"{user}-{number}"


class Purchases:
    """The purchases of some rows, as refreshing reads them."""

    def __init__(self, matrix, abouts):
        self.matrix, self.abouts = matrix, abouts

    @classmethod
    def of(cls, delta):
        """Take the purchases out of rows."""
        bought = sorted((key[2], key[3], at) for key, row in delta.items() if key[0] == "purchased" for at in row.times)
        users, products = sorted({one[0] for one in bought}), sorted({one[1] for one in bought})
        user_at, product_at = ({name: at for at, name in enumerate(names)} for names in (users, products))
        columns = np.array([(user_at[user], product_at[product], at) for user, product, at in bought], dtype=np.int64)
        abouts = {}
        for key, _ in complete(delta):
            if key[0] == "about":
                abouts.setdefault(key[2], []).append(key[3])
        return cls(PurchaseMatrix(users, products, *columns.T), abouts)


def multiplied(derived, copies):
    """Return what is derived of the year for its copies: the same products are neighbours, as many times supported."""
    alike = [
        (named(one, number), named(other, number), score, support)
        for number in range(copies)
        for one, other, score, support in derived.similar_to
    ]
    together = [(one, other, score, support * copies) for one, other, score, support in derived.bought_with]
    return replace(
        derived,
        bought_with=together,
        similar_to=alike,
        popular=[(product, buyers * copies) for product, buyers in derived.popular],
        popular_in=[(interest, product, buyers * copies) for interest, product, buyers in derived.popular_in],
        products=[(product, buyers * copies, *drawn) for product, buyers, *drawn in derived.products],
    )


def ask(knowledge, each):
    """Return how long each question takes, of people and products by chance, the same on every engine."""
    chance = random.Random(6)  # noqa: S311 (the same questions each time)
    users, products = some_users(knowledge), some_products(knowledge)
    questions = {
        "users/similar": lambda: knowledge.similar_users(SHOP, chance.choice(users)),
        "products/similar": lambda: knowledge.similar_products(SHOP, chance.choice(products)),
        "neighbourhood of a user": lambda: knowledge.neighbourhood(SHOP, "user", chance.choice(users)),
        "neighbourhood of a product": lambda: knowledge.neighbourhood(SHOP, "product", chance.choice(products)),
        "path user - user": lambda: knowledge.ways(SHOP, *(("user", one) for one in chance.sample(users, 2))),
        "path user - product": lambda: knowledge.ways(
            SHOP, ("user", chance.choice(users)), ("product", chance.choice(products))
        ),
        "path product - product": lambda: knowledge.ways(
            SHOP, *(("product", one) for one in chance.sample(products, 2))
        ),
    }
    return {name: quantiles(question, each) for name, question in questions.items()}


def some_users(knowledge):
    """Return a thousand users out of all parts of the shop."""
    found = [user for start in "0123456789" for user in knowledge.users(SHOP, after=start, limit=100)]
    return sorted(set(found))


def some_products(knowledge):
    """Return the products that some users bought: what is bought more comes more often, as in what people ask."""
    insights = [knowledge.profile(SHOP, user) and knowledge.insight(SHOP, user) for user in some_users(knowledge)[::25]]
    return [one.product.product_id for insight in insights for one in insight.bought]


def quantiles(question, each):
    """Return nearest-rank quantiles in ms after a warm-up, how many answers were partial, and of how many."""
    for _ in range(each // 10):
        question()
    took, partial = [], 0
    for _ in range(each):
        started = time.perf_counter()
        answer = question()
        took.append((time.perf_counter() - started) * 1000)
        partial += bool(getattr(answer, "partial", False))
    took.sort()
    at = {f"p{rank}": round(took[math.ceil(each * rank / 100) - 1], 1) for rank in (50, 95, 99)}
    return at | {"max": round(took[-1], 1), "partial": partial, "count": each}


if __name__ == "__main__":
    main()
