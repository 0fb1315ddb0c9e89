"""What clients know of what they sent: each attempt was answered well, refused, or never answered for certain."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

Place = tuple[str, int, int]  # topic, partition, offset


class Outcome(StrEnum):
    """What an attempt came to, as far as its client can know."""

    OK = "ok"
    FAILED = "failed"  # refused: it must have had no effect
    UNKNOWN = "unknown"  # no answer, or one that says so


@dataclass(frozen=True, slots=True)
class Attempt:
    """One thing sent once. `id` is the event's, or the Idempotency-Key; `digest` that of what was said."""

    shop: str
    kind: str  # purchase, interest, product, user; email, board; erasure
    id: str
    digest: str
    outcome: Outcome
    status: int = 0  # HTTP; 0: no answer
    user: str = ""
    place: Place | None = None  # where the answer said that the event stands
    made: str = ""  # the id of the email or board that the answer named


class Journal:
    """Every attempt, in the order of their answers. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._attempts: list[Attempt] = []

    def note(self, *attempts: Attempt) -> None:
        with self._lock:
            self._attempts += attempts

    def attempts(self) -> list[Attempt]:
        with self._lock:
            return list(self._attempts)

    def counts(self) -> dict[str, int]:
        with self._lock:
            return dict(Counter(each.outcome.value for each in self._attempts))


def outcome_of(status: int) -> Outcome:
    """Say what an HTTP answer tells: only a refusal by a 4xx is sure to have had no effect."""
    if 200 <= status < 300:
        return Outcome.OK
    return Outcome.FAILED if 400 <= status < 500 else Outcome.UNKNOWN
