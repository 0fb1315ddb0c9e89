"""The graph's canonical rows: what each node and edge says, how two accounts of it merge, and their digest.

A row is keyed by its kind, shop and ids. Merging is associative and commutative, in integers, so that events in any
order, split and shuffled, end in the same rows. Derived edges (neighbours, popularity) are no rows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import msgspec

from shared.courtesy import considerate

RowKey = tuple[str, ...]  # (kind, shop, id) of a node, (kind, shop, source id, target id) of an edge
Fact = tuple[str, Any]  # stamp, value: of two, the one with the larger stamp holds

_MODULUS = 1 << 256
_WRITER = msgspec.json.Encoder(order="sorted")  # writes as the standard library does, in a sixth of the time


class Facts(NamedTuple):
    """A user's or a product's facts: for each field, the value with the largest stamp."""

    facts: Mapping[str, Fact]

    def merged(self, other: Facts) -> Facts:
        """Return both accounts in one; the larger stamp holds, field by field."""
        if not self.facts or not other.facts:
            return self if self.facts else other
        newer = {
            field: fact
            for field, fact in other.facts.items()
            if (held := self.facts.get(field)) is None or _outranks(fact, held)
        }
        return Facts({**self.facts, **newer}) if newer else self

    def value(self, field: str) -> Any:
        """Return a field's value, or none."""
        fact = self.facts.get(field)
        return None if fact is None else fact[1]


class Named(NamedTuple):
    """An interest: its kind (category, brand, tag) and display name; of several spellings the smallest stands."""

    kind: str
    name: str

    def merged(self, other: Named) -> Named:
        """Return both accounts in one."""
        return min(self, other)


class Present(NamedTuple):
    """A shop's own present: the moment of its latest purchase (ms; 0: none)."""

    last_at: int = 0

    def merged(self, other: Present) -> Present:
        """Return both accounts in one."""
        return max(self, other)


class Purchased(NamedTuple):
    """All that a user bought of a product: a time (ms) per purchase line, thousandths, minor units."""

    times: tuple[int, ...] = ()
    quantity: int = 0
    spend: int = 0
    refunded: int = 0
    returned: int = 0
    currency: str = ""

    def merged(self, other: Purchased) -> Purchased:
        """Return both accounts in one."""
        return Purchased(
            tuple(sorted(self.times + other.times)),
            self.quantity + other.quantity,
            self.spend + other.spend,
            self.refunded + other.refunded,
            self.returned + other.returned,
            min(self.currency, other.currency),
        )


class Interested(NamedTuple):
    """A user's interest: the latest stated relevance (thousandths; -1: none), the sum observed, the latest moment."""

    stated: int = -1
    stated_stamp: str = ""
    observed: int = 0
    at: int = 0

    def merged(self, other: Interested) -> Interested:
        """Return both accounts in one."""
        stamp, stated = max((self.stated_stamp, self.stated), (other.stated_stamp, other.stated))
        return Interested(stated, stamp, self.observed + other.observed, max(self.at, other.at))


class Reacted(NamedTuple):
    """A user's reactions to a product: moments in ms (0: none), the latest rating in thousandths (-1: none)."""

    views: int = 0
    viewed_at: int = 0
    wished_at: int = 0
    rating: int = -1
    rating_stamp: str = ""
    dismissed_at: int = 0

    def merged(self, other: Reacted) -> Reacted:
        """Return both accounts in one."""
        stamp, rating = max((self.rating_stamp, self.rating), (other.rating_stamp, other.rating))
        return Reacted(
            self.views + other.views,
            max(self.viewed_at, other.viewed_at),
            max(self.wished_at, other.wished_at),
            rating,
            stamp,
            max(self.dismissed_at, other.dismissed_at),
        )


class Link(NamedTuple):
    """An edge that says no more than that it is there."""

    def merged(self, _: Link) -> Link:
        """Return both accounts in one."""
        return self


Row = Facts | Named | Present | Purchased | Interested | Reacted | Link
Delta = dict[RowKey, Row]
R = TypeVar("R", bound=Row)


def add(delta: Delta, rows: Iterable[tuple[RowKey, Row]]) -> None:
    """Merge rows into a delta."""
    for key, row in rows:
        held = delta.get(key)
        if held is None:
            delta[key] = row
        elif held is not row and type(row) is not Link:  # a link says the same each time
            delta[key] = merge(held, row)


def merge(one: Row, other: Row) -> Row:
    """Return two accounts of the same key in one: associative and commutative."""
    return one.merged(other)  # type: ignore[arg-type]  # a key's kind decides the type of its row


@lru_cache(maxsize=1 << 17)
def uid(kind: str, shop: str, id: str) -> str:
    """Return the unique id of a node: hashed over its kind, shop and id, so that shops never meet."""
    text = json.dumps([kind, shop, id], ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def canonical_facts(facts: Mapping[str, Fact]) -> str:
    """Return facts as canonical JSON: what the `facts` property of a node holds."""
    return _canonical(facts).decode("utf-8", "surrogatepass")


def read_facts(text: str) -> Facts:
    """Return the facts in a node's `facts` property; what is damaged there becomes a fact that `verify` finds."""
    try:
        return Facts({field: (str(stamp), value) for field, (stamp, value) in json.loads(text or "{}").items()})
    except (ValueError, TypeError, AttributeError):
        return Facts({"unreadable": ("", text)})


def canonical(key: RowKey, row: Row) -> bytes:
    """Return a row's canonical bytes."""
    return _canonical((key, row))


def _canonical(told: Any) -> bytes:
    try:
        return _WRITER.encode(told)
    except (UnicodeEncodeError, OverflowError, TypeError):  # half a character, a huge number, a number of another kind
        text = json.dumps(told, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        return text.encode("utf-8", "surrogatepass")


def digest(rows: Iterable[tuple[RowKey, Row]]) -> str:
    """Return the digest of rows in any order: the sum of their SHA-256, modulo 2^256, in hexadecimal."""
    return _hex(sum(_number(key, row) for key, row in considerate(rows)))


class Digests:
    """The digest of each shop whose rows have passed by."""

    def __init__(self) -> None:
        self._totals: dict[str, int] = {}

    def over(self, rows: Iterable[tuple[RowKey, Row]]) -> Iterator[tuple[RowKey, Row]]:
        """Yield rows on, and count them in."""
        for key, row in considerate(rows):
            self._totals[key[1]] = self._totals.get(key[1], 0) + _number(key, row)
            yield key, row

    def by_shop(self) -> dict[str, str]:
        """Return the digest of each shop."""
        return {shop: _hex(total) for shop, total in self._totals.items()}


def _number(key: RowKey, row: Row) -> int:
    return int.from_bytes(hashlib.sha256(canonical(key, row)).digest(), "big")


def _hex(total: int) -> str:
    return f"{total % _MODULUS:064x}"


def _outranks(fact: Fact, held: Fact) -> bool:
    """Compare facts by stamp; equal stamps (two lines of one purchase) by their value's canonical text."""
    return fact[0] > held[0] or (fact[0] == held[0] and _text(fact[1]) > _text(held[1]))


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
