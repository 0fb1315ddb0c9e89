"""The engines under test: each contract suite runs on all of them."""

import uuid
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import pytest
from contract.graphs_ground import counted_as_filled
from neo4j import GraphDatabase
from pymongo import MongoClient

from shared.bus.kafka import KafkaBus
from shared.bus.kafka_cluster import cluster
from shared.bus.kafka_topics import Administration
from shared.bus.sqlite import SqliteBus
from shared.config import Settings
from shared.history.mongo import MongoHistory
from shared.history.sqlite import SqliteHistory
from shared.knowledge.ladybug import LadybugKnowledge
from shared.knowledge.neo4j import Neo4jKnowledge


@contextmanager
def sqlite(request):
    directory = request.getfixturevalue("tmp_path")
    yield lambda: SqliteBus(directory / "bus.db")


@contextmanager
def kafka(request):
    """Topics of its own for each test, on the real broker."""
    settings = Settings(bus_url=f"{request.getfixturevalue('kafka_url')}/{uuid.uuid4().hex[:8]}.")
    administration = Administration(cluster(settings))
    administration.apply()
    yield lambda: KafkaBus(cluster(settings))
    administration.remove()
    administration.close()


BUSES = [sqlite, pytest.param(kafka, marks=pytest.mark.servers)]


@pytest.fixture(params=BUSES)
def reopen(request):
    """Open the engine under test, again and again on the same log; what was opened is closed in the end."""
    with ExitStack() as closing, request.param(request) as make:

        def open_it():
            engine = make()
            closing.callback(engine.close)
            return engine

        yield open_it
        closing.close()


@pytest.fixture
def bus(reopen):
    return reopen()


@contextmanager
def sqlite_history(request):
    """Give each new history a file of its own."""
    directories = request.getfixturevalue("tmp_path_factory")

    def new():
        file = directories.mktemp("history") / "history.db"
        return lambda clock=None: SqliteHistory(file, clock)

    yield new


@contextmanager
def mongo_history(request):
    """Give each new history a database of its own."""
    server = urlsplit(request.getfixturevalue("mongodb_url"))
    names = []

    def new():
        names.append(f"test-{uuid.uuid4().hex[:12]}")
        url = server._replace(path=f"/{names[-1]}").geturl()
        return lambda clock=None: MongoHistory(url, clock)

    yield new
    with MongoClient(server.geturl()) as client:
        for name in names:
            client.drop_database(name)


@pytest.fixture(scope="session", params=[sqlite_history, pytest.param(mongo_history, marks=pytest.mark.servers)])
def new_history(request):
    """Make an empty history, and return what opens it."""
    with request.param(request) as new:
        yield new


@pytest.fixture
def reopen_history(new_history):
    """Open the history under test, again and again on the same store."""
    open_it, running = new_history(), []

    def open_again(clock=None):
        while running:
            running.pop().close()
        running.append(open_it(clock))
        return running[-1]

    yield open_again
    while running:
        running.pop().close()


@contextmanager
def ladybug(request):
    directory = request.getfixturevalue("tmp_path")
    yield lambda: LadybugKnowledge(directory / "knowledge", memory_mb=256)


@contextmanager
def neo4j(request):
    """Community has one database: it is emptied for each test."""
    url = request.getfixturevalue("empty_neo4j_url")
    yield lambda: Neo4jKnowledge(url, remembers=0.05)


@pytest.fixture
def empty_neo4j_url(neo4j_url):
    parts = urlsplit(neo4j_url)
    with GraphDatabase.driver(
        f"{parts.scheme}://{parts.hostname}:{parts.port}", auth=(parts.username, parts.password)
    ) as driver:
        driver.execute_query("MATCH (n) DETACH DELETE n")
    return neo4j_url


@pytest.fixture
def opened(empty_neo4j_url):
    """Open an emptied Neo4j, again and again as so many workers do; what was opened is closed in the end."""
    running = []

    def open_one() -> Neo4jKnowledge:
        running.append(Neo4jKnowledge(empty_neo4j_url, remembers=0.05))
        return running[-1]

    yield open_one
    for one in running:
        one.close()


@pytest.fixture(params=[ladybug, pytest.param(neo4j, marks=pytest.mark.servers)])
def open_unfilled(request):
    """Open the graph engine under test, again and again on the same graph, which was never filled from a ledger."""
    with request.param(request) as make:
        opened = []

        def open_again():
            while opened:
                opened.pop().close()
            opened.append(make())
            return opened[-1]

        yield open_again
        while opened:
            opened.pop().close()


@pytest.fixture
def open_engine(open_unfilled):
    """Open it as the graph of a ledger that was empty."""
    return lambda: counted_as_filled(open_unfilled())
