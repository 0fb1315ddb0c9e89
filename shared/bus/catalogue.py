"""Which topics a bus carries: those of the contracts' table, and their dead letters."""

from __future__ import annotations

from shared.contracts.topics import TOPICS, dead_letter_topic
from shared.errors import UsageError

DEAD_LETTER_TOPICS: dict[str, str] = {
    name: dead_letter_topic(name) for name, topic in TOPICS.items() if topic.dead_letters
}
ALL_TOPICS: tuple[str, ...] = (*TOPICS, *DEAD_LETTER_TOPICS.values())
_KNOWN = frozenset(ALL_TOPICS)


def require_topic(topic: str) -> None:
    """Refuse a topic that no contract declares: a misspelt one would swallow events.

    Raises:
        UsageError: there is no such topic.
    """
    if topic not in _KNOWN:
        raise UsageError(f"no contract declares the topic {topic!r}")
