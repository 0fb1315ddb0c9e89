"""Measures how the graph service scales: 1, 2 and 4 workers on real servers, beside a raw loader on the same Neo4j.

Workers are processes of their own, as in production; time runs from the first message to the last one's commit.
The raw loader writes the same users, products and edges with `UNWIND`, and nothing else: no ledger, no merge, no proof.
The raw producer sends the same messages; the intake takes the same purchases over HTTP, 500 in a body, from 4 clients.

All have done the same before, unmeasured: a server that was just started is busy with its compiler.

Run: PYTHONPATH=tests .venv/bin/python bench/scaling.py [PURCHASES]   (12000 when left out; one JSON line on stdout)
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from neo4j import GraphDatabase
from servers.catalogue import SERVERS
from servers.process import free_port

from services.ingest.handlers import prepare
from shared.auth import create_key
from shared.bus.kafka import KafkaBus
from shared.bus.kafka_cluster import cluster
from shared.clock import SystemClock
from shared.config import Settings
from shared.contracts.topics import COMMERCE
from shared.engines import open_history

ROOT = Path(__file__).parents[1]
WORKERS = (1, 2, 4)
LINES, USERS, PRODUCTS = 3, 800, 400
BODY, CLIENTS = 500, 4
RAW = """UNWIND $rows AS row
MERGE (u:RawUser {uid: row.user})
MERGE (p:RawProduct {uid: row.product})
MERGE (u)-[b:RAW_BOUGHT]->(p)
SET b.times = coalesce(b.times, 0) + 1"""


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 12000
    bought = [purchase(number) for number in range(count)]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as ending:
        urls = {name: start(name, Path(folder), ending) for name in ("kafka", "neo4j", "mongodb")}
        raw = [raw_loader(urls["neo4j"], bought) for _ in range(2)][-1]
        projected(urls, bought, 1)
        by_workers = {number: projected(urls, bought, number) for number in WORKERS}
        sent, taken = intake(urls, bought)
    print(json.dumps({
        "purchases": count,
        "raw_unwind_per_s": round(raw),
        "graph_per_s": {number: round(rate) for number, rate in by_workers.items()},
        "share_of_raw": {number: round(rate / raw, 3) for number, rate in by_workers.items()},
        "speed_up": {number: round(rate / by_workers[1], 2) for number, rate in by_workers.items()},
        "raw_producer_per_s": round(sent),
        "intake_per_s": round(taken),
        "intake_share_of_raw": round(taken / sent, 3),
        "processors": os.cpu_count(),
    }))  # fmt: skip


def start(name, folder, ending):
    SERVERS[name].install()
    home = folder / name
    home.mkdir()
    server = SERVERS[name].start(home)
    ending.callback(server.stop)
    return server.url


def purchase(number):
    products = [f"p{(number * 7 + line * 31) % PRODUCTS}" for line in range(LINES)]
    lines = [{"product_id": one, "quantity": 1, "unit_price": "2.50", "name": f"Product {one}"} for one in products]
    head = {"purchase_id": f"b{number}", "user_id": f"u{number % USERS}", "purchased_at": "2026-01-02T10:00:00Z"}
    return {**head, "currency": "EUR", "lines": lines}


@contextmanager
def installation(urls):
    """Give the settings of a log and a history of their own, and the bus; the graph is emptied."""
    with driver(urls["neo4j"]) as graph:
        graph.execute_query("MATCH (n) DETACH DELETE n")
    settings = {
        "bus_url": f"{urls['kafka']}/{uuid.uuid4().hex[:8]}.",
        "history_url": urlsplit(urls["mongodb"])._replace(path=f"/scaling-{uuid.uuid4().hex[:8]}").geturl(),
        "knowledge_url": urls["neo4j"],
        "objects_url": "s3://a:b@127.0.0.1:1/none?insecure=true",
        "counters_url": "redis://127.0.0.1:1/0",
    }
    bus = KafkaBus(cluster(Settings(**settings)))
    bus.administration.apply()
    try:
        yield settings, bus
    finally:
        bus.administration.remove()
        bus.close()


def driver(url):
    parts = urlsplit(url)
    return GraphDatabase.driver(f"bolt://{parts.hostname}:{parts.port}", auth=(parts.username, parts.password))


def raw_loader(url, bought):
    """Return events a second of the quickest sensible way to put the same edges into Neo4j."""
    rows = [{"user": one["user_id"], "product": line["product_id"]} for one in bought for line in one["lines"]]
    with driver(url) as graph:
        graph.execute_query("MATCH (n) DETACH DELETE n")
        for label in ("RawUser", "RawProduct"):
            graph.execute_query(f"CREATE CONSTRAINT {label} IF NOT EXISTS FOR (n:{label}) REQUIRE n.uid IS UNIQUE")
        graph.execute_query(RAW, rows=rows[:10])
        begun = time.perf_counter()
        for batch in batched(rows, 2000):
            graph.execute_query(RAW, rows=batch)
        return len(bought) / (time.perf_counter() - begun)


def batched(rows, size):
    return (rows[first : first + size] for first in range(0, len(rows), size))


def messages(bought):
    now = SystemClock().now()
    return [prepare("s", "purchases", one, now).message for one in bought]


def projected(urls, bought, workers):
    """Return events a second of so many workers."""
    with installation(urls) as (settings, bus), ExitStack() as ending:
        ports = [free_port() for _ in range(workers)]
        for port in ports:
            begin("graph", ending, operations_port=port, refresh_seconds=3600, **settings)
        for port in ports:
            until_ready(port)
        told = messages(bought)
        begun = time.perf_counter()
        for batch in batched(told, 1000):
            bus.publish(batch)
        while bus.lag("graph", COMMERCE):
            time.sleep(0.1)
        return len(bought) / (time.perf_counter() - begun)


def intake(urls, bought):
    """Return messages a second of a raw producer, and purchases a second of the intake."""
    with installation(urls) as (settings, bus), ExitStack() as ending:
        told = messages(bought)
        bus.publish(told[:2000])
        begun = time.perf_counter()
        bus.publish(told)
        sent = len(told) / (time.perf_counter() - begun)
        history = open_history(Settings(**settings))
        key, _ = create_key(history, "s", ("events:write",), "test", SystemClock())
        history.close()
        http, operations = free_port(), free_port()
        begin("ingest", ending, port=http, operations_port=operations, **settings)
        until_ready(operations)
        bodies = [json.dumps(one).encode() for one in batched(bought, BODY)]
        first, rest = bodies[: len(bodies) // 4], bodies[len(bodies) // 4 :]
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(partial(post, http, key), first))
            begun = time.perf_counter()
            list(pool.map(partial(post, http, key), rest))
            return sent, len(rest) * BODY / (time.perf_counter() - begun)


def post(port, key, body):
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/purchases", body, headers)
    urllib.request.urlopen(request, timeout=60).close()  # noqa: S310 (the system under test)


def begin(name, ending, **settings):
    environment = os.environ | {f"TASTEGRAPH_{key.upper()}": str(value) for key, value in settings.items()}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([sys.executable, "-m", f"services.{name}"], cwd=ROOT, env=environment, **quiet)
    ending.callback(process.wait, 30)
    ending.callback(process.send_signal, signal.SIGTERM)


def until_ready(port):
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).close()
        except OSError:
            time.sleep(0.2)
        else:
            return


if __name__ == "__main__":
    main()
