"""A process that is ended while it prepares a Neo4j graph leaves an index half made; nobody trips over it."""

import itertools
import random
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from contract.graphs_ground import counted_as_filled
from neo4j import GraphDatabase
from servers.neo4j import PASSWORD
from servers.toxiproxy import Proxy

from shared.errors import UnavailableError
from shared.knowledge.neo4j_driver import Connection
from shared.knowledge.neo4j_engine import FORMAT, Pointer
from shared.knowledge.neo4j_text import constraints, generations_in, schema

pytestmark = pytest.mark.servers

FIRST = 1_000  # generations that no other test makes


@pytest.fixture
def ask(empty_neo4j_url):
    with GraphDatabase.driver(empty_neo4j_url.replace(f"neo4j:{PASSWORD}@", ""), auth=("neo4j", PASSWORD)) as driver:
        yield lambda query: [dict(row) for row in driver.execute_query(query).records]


@pytest.fixture
def opened(opened):
    yield opened
    engine = opened().engine
    for number in generations_in(engine.connection.names_of_indexes()):
        if number >= FIRST:
            engine.remove(number)


def half_made(ask) -> set[str]:
    found = ask("SHOW INDEXES YIELD name, properties, owningConstraint, state")
    return {
        row["name"]
        for row in found
        if row["properties"] == ["uid"] and row["owningConstraint"] is None and row["state"] == "POPULATING"
    }


@pytest.fixture(scope="module")
def through(start_server, neo4j_url):
    """Another way to the server, which can be cut."""
    port = urlsplit(neo4j_url).port
    way = Proxy.to(start_server("toxiproxy"), uuid.uuid4().hex, port)
    return way, neo4j_url.replace(str(port), str(way.port))


def prepare_one_after_another(url: str, first: int) -> None:
    connection = Connection(url)
    texts = itertools.chain.from_iterable(map(schema, itertools.count(first)))
    with pytest.raises(UnavailableError):
        connection.each(text for text in texts if text.startswith("CREATE CONSTRAINT"))
    connection.close()


@pytest.fixture
def spoiled(through, ask, opened):
    """Cut off who prepares generations until one is left with an index half made, and say which."""
    way, url = through
    chance = random.Random(1)  # noqa: S311 (when it is cut off)
    for first in range(FIRST, FIRST + 5_000, 100):
        with ThreadPoolExecutor(1) as pool:
            preparing = pool.submit(prepare_one_after_another, url, first)
            time.sleep(chance.uniform(0.02, 0.1))
            way.cut()
            preparing.result()
        way.mend()
        time.sleep(0.2)  # the server notices
        for name in half_made(ask):
            number = next(iter(generations_in([name])), first)  # what all generations share is of each of them
            assert name in constraints(number)
            return number
    pytest.fail("none was ever left half made")


def test_a_graph_is_begun_where_one_was_ended_while_it_began(opened, ask, spoiled):
    begins = opened()
    begins.engine._pointer = Pointer(spoiled - 1, FORMAT, complete=True)  # it was wiped while we were at work
    assert begins.engine.pointer().number == spoiled
    assert half_made(ask) == set()
    owners = ask("SHOW INDEXES YIELD name, owningConstraint WHERE owningConstraint IS NOT NULL")
    assert constraints(spoiled) <= {row["owningConstraint"] for row in owners}


def test_several_may_begin_there_at_once(opened, ask, spoiled):
    workers = [opened() for _ in range(4)]
    for each in workers:
        each.engine._pointer = Pointer(spoiled - 1, FORMAT, complete=True)
    with ThreadPoolExecutor(len(workers)) as pool:
        found = list(pool.map(lambda each: each.engine.pointer().number, workers))
    assert [spoiled] * len(workers) == found
    assert half_made(ask) == set()


def test_what_was_left_half_made_goes_with_its_generation(opened, ask, spoiled):
    one = counted_as_filled(opened())
    one.engine.remove(spoiled)
    assert half_made(ask) == set()
    assert spoiled not in generations_in(one.engine.connection.names_of_indexes())
