"""Servers that die, hang, forget or refuse: bounded answers meanwhile, nothing lost after (FAULTS 11, 20-23, 26-29)."""

from __future__ import annotations

import json
import signal
import statistics
import time
from contextlib import suppress
from http.client import HTTPConnection
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from chaos.breakable import UNHEARD
from chaos.client import Item
from chaos.plan import Strike
from faults.system_ground import SHOP, Outcome, until
from neo4j import GraphDatabase
from redis import Redis
from servers import neo4j as neo4j_server
from servers import redis as redis_server

from services.graph.rebuild import repair, verify
from shared.contracts.topics import COMMERCE

pytestmark = [pytest.mark.servers, pytest.mark.nightly, pytest.mark.timeout(300)]

BOUND = 13.0  # seconds: the longest answer while a server that is needed is away


@pytest.fixture
def harmed(ground):
    """Return what takes a server away; it is back in the end, whatever happens."""
    away = []

    def harm(name, how):
        server = ground.system.servers[name]
        away.append((server, how))
        server.kill() if how == "killed" else server.stop() if how == "ended" else server.send(signal.SIGSTOP)

    def mend():
        while away:
            server, how = away.pop()
            server.send(signal.SIGCONT) if how == "hung" else server.start()

    harm.mend = mend
    yield harm
    mend()


def said(ground, service, path, body, **headers):
    """Return the status of an answer, its headers, and the seconds that it took."""
    port, sent = ground.worker(service).port, {"Authorization": f"Bearer {ground.system.keys[SHOP]}", **headers}
    connection, begun = HTTPConnection("127.0.0.1", port, timeout=30), time.monotonic()
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json", **sent})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.headers, time.monotonic() - begun


def degraded(ground):
    """Ask for recommendations, whatever the answer; say whether it is labelled as degraded."""
    url = f"{ground.worker('gateway').url}/v1/users/u1/recommendations"
    with suppress(HTTPError, OSError):
        asked = Request(url, headers={"Authorization": f"Bearer {ground.system.keys[SHOP]}"})  # noqa: S310 (our own)
        with urlopen(asked, timeout=30) as answer:  # noqa: S310 (our own)
            return json.load(answer).get("degraded", False)
    return False


def posted(ground, items):
    return said(ground, "ingest", "/v1/purchases", [item.body for item in items])


@pytest.mark.parametrize("how", ["killed", "hung"])
def test_without_a_broker_events_are_refused_with_a_time_to_come_back_and_flow_again_by_themselves(ground, harmed, how):
    ground.tell(ground.several(2))
    items = ground.several(3)
    harmed("kafka", how)
    assert not ground.client.send(items)  # noted: it may have been taken
    status, headers, took = posted(ground, items)
    assert (503, True) == (status, "Retry-After" in headers)
    assert took < BOUND
    harmed.mend()
    ground.tell(items)
    assert not ground.restarted(*ground.system.workers)


def test_a_graph_whose_server_is_killed_in_mid_commit_holds_each_event_once(ground):
    server = ground.system.servers["neo4j"]
    armed = ground.system.arm("graph.before_commit", str(server.pid))
    ground.tell(ground.several(6))
    until(lambda: not armed.exists())
    time.sleep(1)
    server.kill()
    server.start()


def test_a_commit_whose_answer_is_lost_is_done_again_without_a_second_effect(ground):
    armed = ground.system.arm("graph.committed", UNHEARD)
    ground.tell(ground.several(6))
    until(lambda: not armed.exists())


def test_a_wiped_graph_is_noticed_and_rebuilt_while_every_question_is_answered_somehow(ground):
    ground.tell(ground.several(6))
    ground.judge()
    for _ in range(16):  # each of the gateway's processes has an answer to keep a copy of
        assert not degraded(ground)
    ground.faults.begin(Strike(0, 0, "wipe", "neo4j", 1))
    statuses, labelled = set(), set()
    until(
        lambda: (
            statuses.add(ground.client.look(SHOP, "/v1/users/u1/recommendations"))
            or labelled.add(degraded(ground))
            or restored(ground)
        ),
        150,
    )
    assert statuses <= {200, 404, 503}
    assert True in labelled
    assert not ground.restarted(*ground.system.workers)


def restored(ground):
    return not ground.engines.knowledge.status()["needs_rebuild"] and verify(ground.ports).equal


@pytest.mark.parametrize(
    "harm",
    [
        "MATCH ()-[e]->() WHERE type(e) STARTS WITH 'PURCHASED' WITH e LIMIT 1 DELETE e",
        "MATCH ()-[e]->() WHERE type(e) STARTS WITH 'PURCHASED' WITH e LIMIT 1 SET e.quantity = e.quantity + 1",
    ],
)
def test_what_was_altered_by_hand_is_found_and_mended(ground, harm):
    ground.tell(ground.several(6))
    ground.judge()
    address = f"bolt://127.0.0.1:{ground.system.servers['neo4j'].port}"
    with GraphDatabase.driver(address, auth=("neo4j", neo4j_server.PASSWORD)) as driver:
        assert driver.execute_query(harm).summary.counters.contains_updates
    report = verify(ground.ports)
    assert (False, True) == (report.equal, bool(report.differences))
    assert repair(ground.ports).equal


@pytest.mark.parametrize("how", ["ended", "hung"])
def test_without_the_history_events_are_taken_and_wait_in_the_log(ground, harmed, how):
    ground.tell(known := ground.several(2))
    ground.judge()
    for _ in range(16):  # each of the intake's processes has seen the key
        posted(ground, known)
    harmed("mongodb", how)
    status, _, took = posted(ground, items := ground.several(3))
    assert 202 == status
    assert took < BOUND
    time.sleep(3)
    assert ground.engines.bus.lag("graph", COMMERCE) == 3
    harmed.mend()
    ground.tell(items)
    until(lambda: ground.engines.bus.lag("graph", COMMERCE) == 0)
    assert not ground.restarted("graph-1", "graph-2")


@pytest.mark.parametrize("how", ["killed", "hung", "flushed", "full"])
def test_without_counters_requests_cost_little_more_and_none_fails(ground, harmed, how):
    ground.tell(ground.several(2))
    usual = statistics.median(asked(ground, f"{how}-usual-{n}") for n in range(5))
    if how in {"killed", "hung"}:
        harmed("redis", how)
    else:
        with Redis(port=ground.system.servers["redis"].port, password=redis_server.PASSWORD) as redis:
            redis.flushall() if how == "flushed" else redis.config_set("maxmemory", "1")
    try:
        waits = [asked(ground, f"{how}-{n}") for n in range(5)]
    finally:
        harmed.mend()
        if how == "full":
            with Redis(port=ground.system.servers["redis"].port, password=redis_server.PASSWORD) as redis:
                redis.config_set("maxmemory", "0")
    assert statistics.median(waits) < usual + 0.1, "50 ms at most, and what a busy machine adds"


def asked(ground, name):
    """Say an interest under an Idempotency-Key; return the seconds that it took."""
    wish = {"interest_id": name, "user_id": "u1", "name": "Cycling", "expressed_at": "2026-05-03T10:00:00Z"}
    status, _, took = said(ground, "gateway", "/v1/users/u1/interests", wish, **{"Idempotency-Key": f'"{name}"'})
    assert 200 <= status < 300
    ground.journal.note(Item(SHOP, "interests", wish).attempt(Outcome.OK, status))
    return took


@pytest.mark.parametrize("how", ["killed", "hung", "refusing"])
def test_without_the_objects_what_was_promised_is_made_later_and_nothing_dangles(ground, harmed, how):
    ground.tell(ground.several(2))
    server = ground.system.servers["s3"]
    known = dict(server.environment)
    if how == "refusing":
        server.stop()
        server.environment |= {"ROOT_SECRET_KEY": "another"}
        server.start()
    else:
        harmed("s3", how)
    assert ground.client.make(SHOP, "board", "u1", f"s3-{how}")
    promised = ground.journal.attempts()[-1]
    if how == "refusing":
        server.stop()
        server.environment |= known
        server.start()
    harmed.mend()
    assert 202 == promised.status
    until(lambda: ground.client.look(SHOP, f"/v1/boards/{promised.made}/picture") == 200)
