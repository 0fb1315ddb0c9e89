"""URL → engine: the only module that names them all; a driver is imported inside the branch that chose it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from shared.breakers import Breakers
from shared.clock import Clock, SystemClock
from shared.errors import UsageError
from shared.tracing import watched

if TYPE_CHECKING:
    from pathlib import Path

    from shared.bus.kafka_topics import Administration
    from shared.bus.port import Bus
    from shared.config import Settings
    from shared.counters.limits import Limiter
    from shared.counters.port import Counters
    from shared.history.port import History
    from shared.knowledge.port import KnowledgeWriter
    from shared.objects.port import Objects


@dataclass(frozen=True)
class Engines:
    """The engines that the settings chose, opened. Services hand their handlers ports only, never this."""

    settings: Settings
    clock: Clock
    bus: Bus
    history: History
    knowledge: KnowledgeWriter
    objects: Objects
    counters: Counters
    answers: Counters
    limiter: Limiter
    _closing: ExitStack
    breakers: Breakers = field(default_factory=Breakers)

    def close(self) -> None:
        """Close every engine, the last opened first."""
        self._closing.close()


def open_engines(settings: Settings, clock: Clock | None = None) -> Engines:
    """Open what the settings name.

    Raises:
        UsageError: a URL names an engine that does not exist.
        UnavailableError: an engine does not answer, or its files are damaged beyond mending.
    """
    with ExitStack() as stack:
        bus = open_bus(settings)
        stack.callback(bus.close)
        history = open_history(settings)
        stack.callback(history.close)
        knowledge = open_knowledge(settings)
        stack.callback(knowledge.close)
        objects = open_objects(settings)
        stack.callback(objects.close)
        breakers = Breakers()
        counting = open_counting(settings, breakers)
        for each in counting:
            stack.callback(each.close)
        return Engines(
            settings,
            clock or SystemClock(),
            watched(bus, "bus", only={"publish", "read"}),
            watched(history, "history"),
            watched(knowledge, "knowledge"),
            watched(objects, "objects"),
            *counting,
            _closing=stack.pop_all(),
            breakers=breakers,
        )


def open_bus(settings: Settings) -> Bus:
    """Open the bus: `file:` is one SQLite log, `kafka:` a cluster."""
    match _scheme(settings.bus_url, "bus"):
        case "file":
            from shared.bus.sqlite import SqliteBus

            return SqliteBus(_directory(settings.bus_url, settings) / "bus.db")
        case "kafka":
            from shared.bus.kafka import KafkaBus
            from shared.bus.kafka_cluster import cluster

            return KafkaBus(cluster(settings))
        case other:
            raise _unknown("bus", other)


def open_topics(settings: Settings) -> Administration | None:
    """Return who makes and checks the topics; none where the bus does so by itself."""
    match _scheme(settings.bus_url, "bus"):
        case "kafka":
            from shared.bus.kafka_cluster import cluster
            from shared.bus.kafka_topics import Administration

            return Administration(cluster(settings))
        case _:
            return None


def open_history(settings: Settings) -> History:
    """Open the history: `file:` is one SQLite file, `mongodb:` a database."""
    match _scheme(settings.history_url, "history"):
        case "file":
            from shared.history.sqlite import SqliteHistory

            return SqliteHistory(_directory(settings.history_url, settings) / "history.db")
        case "mongodb" | "mongodb+srv":
            from shared.history.mongo import MongoHistory

            return MongoHistory(settings.history_url)
        case other:
            raise _unknown("history", other)


def open_knowledge(settings: Settings) -> KnowledgeWriter:
    """Open the knowledge graph: `file:` is LadybugDB, `bolt:` or `neo4j:` (`+s` for TLS) is Neo4j."""
    match _scheme(settings.knowledge_url, "knowledge"):
        case "file":
            from shared.knowledge.ladybug import LadybugKnowledge

            return LadybugKnowledge(
                _directory(settings.knowledge_url, settings) / "knowledge", memory_mb=settings.graph_memory_mb
            )
        case "bolt" | "bolt+s" | "neo4j" | "neo4j+s":
            from shared.knowledge.neo4j import Neo4jKnowledge

            return Neo4jKnowledge(settings.knowledge_url)
        case other:
            raise _unknown("knowledge", other)


def open_objects(settings: Settings) -> Objects:
    """Open the object store: `file:` is a directory, `s3:` a bucket."""
    match _scheme(settings.objects_url, "objects"):
        case "file":
            from shared.objects.files import FileObjects

            return FileObjects(_directory(settings.objects_url, settings) / "objects")
        case "s3":
            from shared.objects.s3 import S3Objects

            return S3Objects(settings.objects_url)
        case other:
            raise _unknown("objects", other)


def open_counting(settings: Settings, breakers: Breakers) -> tuple[Counters, Counters, Limiter]:
    """Open the counters, those that keep answers for an Idempotency-Key, and the limits.

    `memory:` is this process, but for the answers, whose file a restart survives; `redis:` is one way to Redis for all.
    """
    match _scheme(settings.counters_url, "counters"):
        case "memory":
            from shared.counters.limits_memory import MemoryLimiter
            from shared.counters.memory import MemoryCounters
            from shared.counters.sqlite import SqliteCounters

            return MemoryCounters(), SqliteCounters(_directory("file:", settings) / "answers.db"), MemoryLimiter()
        case "redis" | "rediss":
            from shared.counters.limits_redis import RedisLimiter
            from shared.counters.redis import RedisCounters
            from shared.counters.redis_link import RedisLink

            link = RedisLink(settings.counters_url)
            breakers.show(link)
            counters = RedisCounters(link)
            return counters, counters, RedisLimiter(link, settings.web_replicas * settings.web_workers)
        case other:
            raise _unknown("counters", other)


def _scheme(url: str, setting: str) -> str:
    scheme = urlsplit(url).scheme
    if not scheme:
        raise UsageError(f"TASTEGRAPH_{setting.upper()}_URL is not a URL")
    return scheme


def _directory(url: str, settings: Settings) -> Path:
    """`file:` alone means the data directory; `file:/path` means that path."""
    path = urlsplit(url).path
    directory = settings.data / path if path else settings.data
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def _unknown(setting: str, scheme: str) -> UsageError:
    return UsageError(f"TASTEGRAPH_{setting.upper()}_URL: no engine is called {scheme!r}")
