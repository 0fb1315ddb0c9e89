"""Gateways that drive one campaign between them, on all engines at once: each member is asked for and counted once."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from contextlib import ExitStack

import pytest
from contract.graphs_ground import counted_as_filled

from services.gateway import driving
from services.gateway.asking import Asker, AskerPorts
from services.gateway.campaigns import CampaignDesk, NewCampaign
from services.gateway.driver import Driver
from services.gateway.driving import DriverPorts
from services.gateway.outcomes import lines
from services.gateway.quotas import Quotas
from services.gateway.wiring import GROUP
from shared.breakers import Breakers
from shared.bus.dispatch import each
from shared.bus.kafka import KafkaBus
from shared.bus.kafka_cluster import cluster
from shared.bus.kafka_topics import Administration
from shared.bus.port import Position
from shared.bus.sqlite import SqliteBus
from shared.clock import SystemClock
from shared.config import Settings
from shared.contracts.codec import encode
from shared.contracts.requests import Replied
from shared.contracts.topics import EMAIL_REQUESTS, REPLIES
from shared.erasures import CAMPAIGN_LISTS, CAMPAIGNS
from shared.history.mongo import MongoHistory
from shared.history.sqlite import SqliteHistory
from shared.knowledge.ladybug import LadybugKnowledge
from shared.knowledge.neo4j import Neo4jKnowledge
from shared.knowledge.rows import Facts
from shared.objects.files import FileObjects
from shared.objects.s3 import S3Objects

CROWD = [f"u{number:03d}" for number in range(70)]  # more than a part


def embedded(request, directory, closing):
    bus = SqliteBus(directory / "bus.db")
    knowledge = LadybugKnowledge(directory / "knowledge", memory_mb=256)
    return bus, SqliteHistory(directory / "history.db"), knowledge, FileObjects(directory / "objects")


def distributed(request, _, closing):
    settings = Settings(bus_url=f"{request.getfixturevalue('kafka_url')}/{uuid.uuid4().hex[:8]}.")
    administration = Administration(cluster(settings))
    administration.apply()
    closing.callback(administration.close)
    closing.callback(administration.remove)
    server, _, query = request.getfixturevalue("s3_url").partition("?")
    history = MongoHistory(f"{request.getfixturevalue('mongodb_url').rpartition('/')[0]}/{uuid.uuid4().hex[:12]}")
    knowledge = Neo4jKnowledge(request.getfixturevalue("empty_neo4j_url"), remembers=0.05)
    return (
        KafkaBus(cluster(settings)),
        history,
        knowledge,
        S3Objects(f"{server.rpartition('/')[0]}/{uuid.uuid4()}?{query}"),
    )


def unbounded(history):
    return Quotas(history, SystemClock(), Settings())


@pytest.fixture(params=[embedded, pytest.param(distributed, marks=pytest.mark.servers)])
def ports(request, tmp_path):
    """Give what a driver needs, in a shop with a crowd of users."""
    with ExitStack() as closing:
        engines = request.param(request, tmp_path, closing)
        for engine in engines:
            closing.callback(engine.close)
        bus, history, knowledge, objects = engines
        everybody = {("user", "s", user): Facts({}) for user in CROWD}
        counted_as_filled(knowledge).apply(everybody, [Position("log", "commerce.users.v1", 0, 0)])
        asker = Asker(AskerPorts(bus, history, SystemClock()), 1, Breakers())
        closing.callback(bus.subscribe(GROUP, [REPLIES], each(asker.on_reply, bus=bus, group=GROUP)).stop)
        yield DriverPorts(knowledge, history, objects, SystemClock(), asker, unbounded(history)), bus


@pytest.fixture
def asked(ports):
    """Answer requests, and count how often each user was asked for."""
    counted: Counter[str] = Counter()
    bus = ports[1]

    def answer(envelope):
        counted[envelope.data.user_id] += 1
        reply = Replied(request_id=envelope.data.request_id, status="done")
        bus.publish([encode(envelope.answering(reply, id=f"{envelope.id}.reply"))])

    answering = bus.subscribe("email", [EMAIL_REQUESTS], each(answer, bus=bus, group="email"))
    yield counted
    answering.stop()


@pytest.mark.parametrize("segment", [{"everyone": True}, {"users": [*CROWD, "stranger"]}])
def test_drivers_take_over_from_each_other_and_count_everybody_once(ports, asked, segment, monkeypatch):
    monkeypatch.setattr(driving, "LEASE_MS", 1_000)
    ports, _ = ports
    desk = CampaignDesk(ports.history, ports.clock)
    desk.begin("s", "c1", NewCampaign(campaign="spring", segment=segment), ports.knowledge)
    drivers = [Driver(ports, 4) for _ in range(3)]
    drivers[0].start()
    until(lambda: len(asked) > 10)
    drivers[0]._background.stop()  # it dies: nothing is let go
    for one in drivers[1:]:
        one.start()
    until(lambda: desk.known("s", "c1").body["status"] == "done")
    for one in drivers[1:]:
        one.stop()
    told = desk.known("s", "c1")
    strangers = 1 if "users" in segment else 0
    assert (70, strangers, 0) == tuple(told.body[name] for name in ("made", "skipped", "failed"))
    assert (set(CROWD), 70 + strangers) == (
        set(asked),
        b"".join(lines(told, ports.history, ports.objects)).count(b"\n"),
    )
    assert sum(asked.values()) <= 70 + 4, "only what was in flight may be asked for again"
    assert [] == list(ports.history.find(CAMPAIGN_LISTS, "s").items)
    assert {"active": "no", "holder": None}.items() <= ports.history.get(CAMPAIGNS, "s", "c1").body.items()


def until(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)
