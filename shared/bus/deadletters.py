"""The dead-letter desk: what could not be processed, shown with its reason, and published again as it was."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.bus.catalogue import DEAD_LETTER_TOPICS
from shared.bus.parking import HEADERS
from shared.bus.port import Bus, Message, Position, Record
from shared.clock import from_ms
from shared.contracts.codec import decode
from shared.errors import InvalidInputError, NotFoundError

_ID = re.compile(r"(?P<topic>[a-z0-9.-]{1,100}):(?P<partition>\d{1,6}):(?P<offset>\d{1,15})", re.ASCII)
_SHOP = re.compile(rb"([a-z0-9][a-z0-9_-]{0,62})\|")
_PAGE = 500

Headers = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that could not be processed. `id` names it; `original` is the message as it was, `at` where it stood.

    `shop` is read from the key, as far as it can be; times in ms; `size` is the value's, in bytes.
    """

    id: str
    at: Position
    appended_at: int
    group: str
    code: str
    message: str
    attempts: int
    first_failed_at: int
    service_version: str
    shop: str | None
    size: int
    original: Message = field(repr=False)

    def as_json(self) -> dict[str, Any]:
        """Return what a list shows: never the content, which may be personal."""
        return {
            "id": self.id,
            "topic": self.at.topic,
            "partition": self.at.partition,
            "offset": self.at.offset,
            "appended_at": from_ms(self.appended_at).isoformat(),
            "group": self.group,
            "code": self.code,
            "message": self.message,
            "attempts": self.attempts,
            "first_failed_at": from_ms(self.first_failed_at).isoformat(),
            "service_version": self.service_version,
            "shop": self.shop,
            "size": self.size,
        }


@dataclass(frozen=True, slots=True)
class Replayed:
    """A dead letter that was published again, and where it stands now."""

    id: str
    position: Position


def list_dead_letters(
    bus: Bus, topic: str | None = None, shop: str | None = None, limit: int = 100
) -> list[DeadLetter]:
    """Return dead letters, the last parked first: of one original topic or all, of one shop or (operators only) all.

    Raises:
        NotFoundError: there is no such topic, or it keeps no dead letters.
        UnavailableError: the bus does not answer.
    """
    topics = DEAD_LETTER_TOPICS.values() if topic is None else [_dead_letters_of(topic)]
    found = [pair for name in topics for pair in _newest(bus, name, shop, limit)]
    found.sort(key=lambda pair: pair[0].appended_at, reverse=True)
    return [one for _, one in found[:limit]]


def show(bus: Bus, id: str, shop: str | None = None) -> DeadLetter:
    """Return one dead letter with its content.

    Raises:
        NotFoundError: there is none, or it is not this shop's.
        UnavailableError: the bus does not answer.
    """
    parts = _ID.fullmatch(id)
    if parts is None or parts["topic"] not in DEAD_LETTER_TOPICS.values():
        raise NotFoundError("there is no such dead letter")
    records = bus.read(parts["topic"], int(parts["partition"]), int(parts["offset"]), 1)
    if not records or records[0].position.offset != int(parts["offset"]):
        raise NotFoundError("there is no such dead letter")
    one = _opened(records[0])
    if shop is not None and one.shop != shop:
        raise NotFoundError("there is no such dead letter")
    return one


def replay(bus: Bus, ids: Sequence[str], shop: str | None = None, value: bytes | None = None) -> list[Replayed]:
    """Publish originals again, byte for byte, on their topics; or one of them with a corrected value.

    Doing it twice is harmless: the ledger knows an event that it has taken. The dead letters stay where they are.

    Raises:
        NotFoundError: one of them does not exist, or is not this shop's; nothing was published.
        InvalidInputError: the corrected value is no event of that shop, or was given for several.
        UnavailableError: the bus does not answer.
    """
    if value is not None and len(ids) != 1:
        raise InvalidInputError("a corrected value replaces that of exactly one dead letter")
    letters = [show(bus, one, shop) for one in ids]
    messages = [one.original if value is None else _corrected(one, value) for one in letters]
    return [Replayed(one.id, position) for one, position in zip(letters, bus.publish(messages), strict=True)]


def is_parked(bus: Bus, at: Position) -> bool:
    """Say whether the dead letters hold what stood there in the log. Looks through all of them: for rare cases only.

    Raises:
        UnavailableError: the bus does not answer.
    """
    name = DEAD_LETTER_TOPICS.get(at.topic)
    return name is not None and any(_opened(record).at == at for record in _backwards(bus, name))


def _corrected(one: DeadLetter, value: bytes) -> Message:
    """Put another value in the original's place; it must be an event, and of the same shop."""
    message = Message(one.original.topic, one.original.key, value, one.original.headers)
    if decode(message).shop != one.shop:
        raise InvalidInputError("the corrected value belongs to another shop")
    return message


def _dead_letters_of(topic: str) -> str:
    if topic not in DEAD_LETTER_TOPICS:
        raise NotFoundError("no such topic keeps dead letters")
    return DEAD_LETTER_TOPICS[topic]


def _newest(bus: Bus, topic: str, shop: str | None, limit: int) -> list[tuple[Record, DeadLetter]]:
    found: list[tuple[Record, DeadLetter]] = []
    for record in _backwards(bus, topic):
        if len(found) == limit:
            break
        one = _opened(record)
        if shop is None or one.shop == shop:
            found.append((record, one))
    return found


def _backwards(bus: Bus, topic: str) -> Iterator[Record]:
    """Yield a topic's records, each partition's newest first, without ever holding more than a page."""
    for end in bus.ends(topic):
        stop = end.offset
        while stop > 0:
            start = max(0, stop - _PAGE)
            page = bus.read(topic, end.partition, start, stop - start)
            before = [record for record in page if record.position.offset < stop]
            yield from reversed(before)
            stop = start if before else 0  # what is older than the topic keeps is gone


def _opened(record: Record) -> DeadLetter:
    at, message = record.position, record.message
    headers, told = _told(record)
    log, topic, partition, offset, timestamp, group, code, reason, attempts, failed_at, version = told
    return DeadLetter(
        id=f"{at.topic}:{at.partition}:{at.offset}",
        at=Position(log, topic, int(partition), int(offset)),
        appended_at=int(timestamp),
        group=group,
        code=code,
        message=reason,
        attempts=int(attempts),
        first_failed_at=int(failed_at),
        service_version=version,
        shop=_shop_of(message.key),
        size=len(message.value or b""),
        original=Message(topic, message.key, message.value, headers),
    )


def _told(record: Record) -> tuple[Headers, tuple[str, ...]]:
    """Return the original's headers, and what ours say; a stranger's message in the topic gets what can be known."""
    headers = record.message.headers
    ours = headers[-len(HEADERS) :]
    if tuple(name for name, _ in ours) == HEADERS:
        return headers[: -len(HEADERS)], tuple(value.decode(errors="replace") for _, value in ours)
    at = record.position
    topic, when = at.topic.removesuffix(".dlt"), str(record.appended_at)
    return headers, (at.log, topic, "0", "0", when, "", "unknown", "carries no reason", "0", when, "")


def _shop_of(key: bytes) -> str | None:
    match = _SHOP.match(key)
    return match[1].decode() if match else None
