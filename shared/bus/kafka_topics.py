"""Our topics on a Kafka cluster: made as declared, compared with what is declared, and told apart by identity."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from kafka import TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import RetriableError
from tenacity import RetryError, Retrying, retry_if_exception_type, retry_if_result, stop_after_delay, wait_fixed

from shared.bus.kafka_cluster import Cluster
from shared.bus.kafka_lazy import Lazy
from shared.clock import monotonic
from shared.contracts.topics import LARGEST_LETTER, TOPICS, Topic, dead_letter_topic
from shared.errors import UnavailableError, UsageError

T = TypeVar("T")

_MISSING = 3  # Kafka's code for an unknown topic
_IDENTITY_SECONDS = 5.0
_ASK_SECONDS = 8.0
_SHOWN_SECONDS = 5.0  # a change is taken first, and shown a little later
_COORDINATOR_SECONDS = 5.0  # a fresh cluster makes its offsets topic at the first question

# Why a difference of partitions is for a person to mend.
_PARTITIONS = (
    "the number decides where a subject's events stand, and changing it would break their order: "
    "make the topic anew, or move to another prefix in TASTEGRAPH_BUS_URL"
)


@dataclass(frozen=True, slots=True)
class Declared:
    """What a topic must be like on the cluster."""

    name: str
    partitions: int
    config: Mapping[str, str]


def declared(topics: Mapping[str, Topic] = TOPICS) -> dict[str, Declared]:
    """Return every topic that the contracts declare, and the topics of their dead letters."""
    return {one.name: one for topic in topics.values() for one in _with_letters(topic)}


def _with_letters(topic: Topic) -> Iterator[Declared]:
    policy = "compact" if topic.compacted else "delete"
    yield Declared(topic.name, topic.partitions, _config(policy, topic.retention_ms, topic.largest))
    if topic.dead_letters:
        yield Declared(dead_letter_topic(topic.name), 1, _config("delete", topic.retention_ms, LARGEST_LETTER))


def _config(policy: str, retention_ms: int, largest: int) -> dict[str, str]:
    return {"cleanup.policy": policy, "retention.ms": str(retention_ms), "max.message.bytes": str(largest)}


class Administration:
    """Asks and tells a cluster about our topics. Thread-safe. Every method raises UnavailableError if it is silent."""

    def __init__(self, cluster: Cluster, topics: Mapping[str, Declared] | None = None) -> None:
        self._cluster = cluster
        self._declared = declared() if topics is None else topics
        self._lazy: Lazy[Any] = Lazy(self._connect, lambda client: client.close())
        self._identities: dict[str, tuple[str, float]] = {}

    def apply(self) -> list[str]:
        """Make what is missing, set what differs; return what was done, in words.

        Raises:
            UsageError: a topic has another number of partitions; the others were brought in order.
        """
        found = self._describe()
        missing = [one for name, one in self._declared.items() if name not in found]
        if missing:
            self._call(lambda client: client.create_topics(self._to_create(missing), wait_for_metadata=True))
        done = [f"made {one.name} with {one.partitions} partitions" for one in missing]
        return done + self._configure(found) + self._refuse_partitions(found)

    def check(self) -> list[str]:
        """Return what differs from what is declared, in words; nothing if all is well."""
        found = self._describe()
        missing = [f"{name} is missing" for name in self._declared if name not in found]
        return missing + self._partitions_differ(found) + [told for _, told in self._configs_differ(found)]

    def identity(self, topic: str, *, fresh: bool = False) -> str:
        """Return the name of the log that a topic is: its cluster's and its own; a topic made anew has another.

        Raises:
            UnavailableError: the cluster is silent, or has no such topic.
        """
        known, at = self._identities.get(topic, ("", 0.0))
        if known and not fresh and monotonic() - at < _IDENTITY_SECONDS:
            return known
        cluster, topics = self._call(lambda client: (client.describe_cluster(), self._described(client, [topic])))
        if topic not in topics:
            raise UnavailableError(f"the topic {topic} is missing: tastegraph topics apply")
        log = f"{cluster['cluster_id']}/{topics[topic]['topic_id']}"
        self._identities[topic] = (log, monotonic())
        return log

    def last_identity(self, topic: str) -> str:
        """Return the identity that was last seen, without asking; ask only if there is none yet."""
        known, _ = self._identities.get(topic, ("", 0.0))
        return known or self.identity(topic)

    def committed(self, group: str, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the first offset that a group has not finished, of the partitions for which it has said so."""
        name = self._cluster.physical(group)
        told = self._call(lambda client: client.list_group_offsets({name: list(partitions)}))[name]
        return {at: kept.offset for at, kept in told.items() if kept.offset >= 0}

    def remove(self) -> None:
        """Remove our topics, with all that they hold. For tests, and for who leaves a cluster."""
        names = [self._cluster.physical(name) for name in self._describe()]
        self._call(lambda client: client.delete_topics(names))

    def close(self) -> None:
        """Let go of the connection."""
        self._lazy.close()

    def _connect(self) -> Any:
        return KafkaAdminClient(**self._cluster.clients())

    def _call(self, ask: Callable[[Any], T]) -> T:
        retrying = Retrying(
            retry=retry_if_exception_type(RetriableError),
            stop=stop_after_delay(_COORDINATOR_SECONDS),
            wait=wait_fixed(0.1),
            reraise=True,
        )
        return self._lazy.ask(lambda client: retrying(ask, client), _ASK_SECONDS)

    def _describe(self) -> dict[str, Any]:
        return self._call(lambda client: self._described(client, list(self._declared)))

    def _described(self, client: Any, names: Sequence[str]) -> dict[str, Any]:
        found = client.describe_topics([self._cluster.physical(name) for name in names])
        return {self._cluster.logical(one["name"]): one for one in found if one["error_code"] != _MISSING}

    def _to_create(self, missing: Sequence[Declared]) -> dict[str, Any]:
        return {
            self._cluster.physical(one.name): {"num_partitions": one.partitions, "configs": dict(one.config)}
            for one in missing
        }

    def _configure(self, found: Mapping[str, Any]) -> list[str]:
        differing = self._configs_differ(found)
        named = {name: dict(self._declared[name].config) for name, _ in differing}
        resources = [ConfigResource(ConfigResourceType.TOPIC, self._cluster.physical(n), c) for n, c in named.items()]
        if resources:
            self._call(lambda client: client.alter_configs(resources))
            seen = Retrying(retry=retry_if_result(bool), stop=stop_after_delay(_SHOWN_SECONDS), wait=wait_fixed(0.1))
            with suppress(RetryError):
                seen(self._configs_differ, found)
        return [f"set {told}" for _, told in differing]

    def _configs_differ(self, found: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Return each difference with its topic's name."""
        if not found:
            return []
        asked = [ConfigResource(ConfigResourceType.TOPIC, self._cluster.physical(name)) for name in found]
        told = self._call(lambda client: client.describe_configs(asked, config_filter="all"))["topic"]
        return [
            (name, f"{name}: {key} is {now}, declared {value}")
            for name in found
            for key, value in self._declared[name].config.items()
            if (now := told[self._cluster.physical(name)][key]["value"]) != value
        ]

    def _partitions_differ(self, found: Mapping[str, Any]) -> list[str]:
        counted = ((name, len(one["partitions"]), self._declared[name].partitions) for name, one in found.items())
        return [f"{name} has {has} partitions, declared {wanted}" for name, has, wanted in counted if has != wanted]

    def _refuse_partitions(self, found: Mapping[str, Any]) -> list[str]:
        if differing := self._partitions_differ(found):
            raise UsageError(f"{'; '.join(differing)}: {_PARTITIONS}")
        return []
