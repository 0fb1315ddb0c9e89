"""How a dead letter looks: the original message, byte for byte, and headers that say where it stood and what failed."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from shared.bus.port import Message, Record
from shared.clock import to_ms
from shared.contracts.topics import dead_letter_topic
from shared.errors import InvalidInputError, PermanentError

CRASHED = "crashed"
_LONGEST_MESSAGE = 1000

# A dead letter ends with exactly these headers, in this order; what stands before them is the original's own.
HEADERS = (
    "dlt-original-log",
    "dlt-original-topic",
    "dlt-original-partition",
    "dlt-original-offset",
    "dlt-original-timestamp",
    "dlt-consumer-group",
    "dlt-reason-code",
    "dlt-reason-message",
    "dlt-attempts",
    "dlt-first-failed-at",
    "dlt-service-version",
)


@dataclass(frozen=True, slots=True)
class Failure:
    """How often handling a message has failed, and when it first did (ms)."""

    attempts: int
    first_failed_at: int

    @classmethod
    def again(cls, before: Failure | None, now: datetime) -> Failure:
        """Return what is known after one more failure."""
        return cls(before.attempts + 1, before.first_failed_at) if before else cls(1, to_ms(now))


def letter(record: Record, group: str, code: str, message: str, failure: Failure) -> Message:
    """Return the dead letter of a record."""
    at = record.position
    values = (
        at.log,
        at.topic,
        at.partition,
        at.offset,
        record.appended_at,
        group,
        code,
        message,
        failure.attempts,
        failure.first_failed_at,
        service_version(),
    )
    told = tuple((name, str(value).encode()) for name, value in zip(HEADERS, values, strict=True))
    return Message(dead_letter_topic(at.topic), record.message.key, record.message.value, record.message.headers + told)


def describe(error: Exception) -> tuple[str, str]:
    """Return an error's code and message for a dead letter.

    Our own errors speak for themselves. Of any other only its type and place are told: its text may quote what the
    message said about a person.
    """
    if isinstance(error, PermanentError):
        return error.code, _told(error)[:_LONGEST_MESSAGE]
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return CRASHED, type(error).__name__ + place


def _told(error: PermanentError) -> str:
    if not isinstance(error, InvalidInputError) or not error.violations:
        return str(error)
    return f"{error}: " + "; ".join(f"{v.pointer}: {v.detail}" for v in error.violations)


def service_version() -> str:
    """Return the installed version of Tastegraph."""
    try:
        return version("tastegraph")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "unknown"
