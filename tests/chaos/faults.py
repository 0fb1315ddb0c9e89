"""How each fault is begun, and healed: a function that begins it and returns the one that ends it."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata
from neo4j import GraphDatabase
from redis import Redis
from servers import neo4j as neo4j_server
from servers import redis as redis_server
from servers.process import Server

from chaos.journal import Attempt, Journal, Outcome, Place
from chaos.plan import Strike
from chaos.system import SHOPS, System
from shared.bus.kafka import KafkaBus
from shared.bus.kafka_cluster import cluster
from shared.bus.port import Message, Record
from shared.contracts.codec import decode, encode
from shared.contracts.events import PurchaseRecorded
from shared.contracts.topics import COMMERCE, PURCHASES

Heal = Callable[[], None]
_REPEATED = 40  # records repeated at once
_POISON = (b"\xff\xfe\x00", b"[" * 5_000, b'{"specversion": "9.9"}', b"{}", None)


def _nothing() -> None:
    """There is nothing to heal."""


@dataclass
class Faults:
    """Does harm to a system, and notes in the journal what it slips into the log."""

    system: System
    journal: Journal
    bus: KafkaBus
    poison: set[Place] = field(default_factory=set)
    wiping: Callable[[], AbstractContextManager[None]] = nullcontext  # entered while the graph is wiped

    @classmethod
    def of(cls, system: System, journal: Journal) -> Faults:
        """Return what harms a system, with a connection of its own to the log."""
        return cls(system, journal, KafkaBus(cluster(system.settings())))

    def begin(self, strike: Strike) -> Heal:
        """Begin a fault; return what ends it."""
        heal: Heal = getattr(self, f"_{strike.fault}")(strike)
        return heal

    def _kill(self, strike: Strike) -> Heal:
        if strike.target in self.system.workers:
            worker = self.system.workers[strike.target]
            worker.held = True
            worker.kill()
            return lambda: setattr(worker, "held", False)
        server = self.system.servers[strike.target]
        server.kill()
        return partial(_started, server)

    def _end(self, strike: Strike) -> Heal:
        if strike.target in self.system.workers:
            worker = self.system.workers[strike.target]
            worker.held = True
            worker.end()
            return lambda: setattr(worker, "held", False)
        server = self.system.servers[strike.target]
        server.stop()
        return partial(_started, server)

    def _pause(self, strike: Strike) -> Heal:
        if strike.target in self.system.workers:
            worker = self.system.workers[strike.target]
            worker.held = True
            worker.send(signal.SIGSTOP)

            def go_on() -> None:
                worker.send(signal.SIGCONT)
                worker.held = False

            return go_on
        server = self.system.servers[strike.target]
        server.send(signal.SIGSTOP)
        return lambda: server.send(signal.SIGCONT)

    def _cut(self, strike: Strike) -> Heal:
        way = self.system.ways[strike.target]
        way.cut()
        return way.mend

    def _slow(self, strike: Strike) -> Heal:
        way = self.system.ways[strike.target]
        way.slow(*random.Random(strike.number).choice(((50, 20), (300, 200), (900, 300))))  # noqa: S311
        return way.mend

    def _wipe(self, _: Strike) -> Heal:
        server = self.system.servers["neo4j"]
        address, auth = f"bolt://127.0.0.1:{server.port}", ("neo4j", neo4j_server.PASSWORD)
        with self.wiping(), GraphDatabase.driver(address, auth=auth) as driver:
            driver.execute_query("MATCH (n) DETACH DELETE n")
        return _nothing

    def _flush(self, _: Strike) -> Heal:
        port = self.system.servers["redis"].port
        with Redis(port=port, password=redis_server.PASSWORD, socket_timeout=5) as redis:
            redis.flushall()
        return _nothing

    def _repeat(self, strike: Strike) -> Heal:
        """Say again what the log says, in another order."""
        chance = random.Random(strike.number)  # noqa: S311
        messages = [record.message for topic in COMMERCE for record in self._some(topic, chance)]
        chance.shuffle(messages)
        self.bus.publish(messages)
        return _nothing

    def _contradict(self, strike: Strike) -> Heal:
        """Say something else under ids that are known; who heard both may not mix them."""
        chance = random.Random(strike.number)  # noqa: S311
        records = self._some(PURCHASES, chance)
        told = [decode(one.message) for one in records[:10] if one.message.value and b'"2.50"' in one.message.value]
        others = [replace(one, data=_doubled(one.data)) for one in told if isinstance(one.data, PurchaseRecorded)]
        for one in others:
            said = (one.shop, "purchase", one.id, one.digest, Outcome.UNKNOWN)
            self.journal.note(Attempt(*said, user=one.data.user_id))
        self.bus.publish([encode(one) for one in others])
        return _nothing

    def _poison(self, strike: Strike) -> Heal:
        chance = random.Random(strike.number)  # noqa: S311
        topic, shop = chance.choice(COMMERCE), chance.choice(SHOPS)
        messages = [Message(topic, f"{shop}|u{n}".encode(), value) for n, value in enumerate(_POISON)]
        placed = self.bus.publish(messages)
        self.poison |= {(at.topic, at.partition, at.offset) for at in placed}
        return _nothing

    def _offsets(self, strike: Strike) -> Heal:
        """Move the group's offsets while nobody is in it."""
        workers = [self.system.workers[name] for name in strike.harmed]

        def start_again() -> None:
            for worker in workers:
                worker.held = False

        try:
            for worker in workers:
                worker.held = True
                worker.end()
            self._move(random.Random(strike.number).choice((0, None)))  # noqa: S311
        except Exception:
            start_again()
            raise
        return start_again

    def _move(self, to: int | None) -> None:
        """Move to an offset of every partition; none: to the ends."""
        name = cluster(self.system.settings()).physical
        moved = {
            TopicPartition(name(topic), end.partition): OffsetAndMetadata(end.offset if to is None else to, "", -1)
            for topic in COMMERCE
            for end in self.bus.ends(topic)
        }
        self.bus.administration._call(lambda client: client.alter_group_offsets(name("graph"), moved))

    def _some(self, topic: str, chance: random.Random) -> Sequence[Record]:
        """Return records from somewhere in a topic that can be said again."""
        ends = [end for end in self.bus.ends(topic) if end.offset]
        if not ends:
            return ()
        end = chance.choice(ends)
        records = self.bus.read(topic, end.partition, chance.randrange(end.offset), _REPEATED)
        return [record for record in records if _place(record) not in self.poison]


def _place(record: Record) -> Place:
    at = record.position
    return at.topic, at.partition, at.offset


def _doubled(bought: PurchaseRecorded) -> Any:
    lines = tuple(line.model_copy(update={"quantity": line.quantity * 2}) for line in bought.lines)
    return bought.model_copy(update={"lines": lines})


def _started(server: Server) -> None:
    server.start()
