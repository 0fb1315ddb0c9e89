"""Segments: who is meant, as a list or a filter, and how they are found a bounded number at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from services.gateway.questions import DayOrMoment
from shared.clock import to_ms
from shared.contracts.values import CategoryPath, Id, Text
from shared.knowledge.pages import pages
from shared.knowledge.port import KnowledgeReader
from shared.knowledge.segments import Filter
from shared.web.contract import Asked

MOST_LISTED = 10_000
_PAGE = 200
_PAGES_AT_ONCE = 25
_COUNT_SECONDS = 2.0


class Segment(Asked):
    """Users meant together: those of a list; or all for whom everything holds that the filter says."""

    users: Annotated[list[Id], Field(min_length=1, max_length=MOST_LISTED)] | None = Field(
        None, description="these, and nobody else", examples=[None]
    )
    everyone: bool = Field(default=False, description="all users of the shop")
    interest: Text | None = Field(None, description="a tag's or brand's name, or an interest_id", examples=["Cycling"])
    category: CategoryPath | None = Field(
        None, min_length=1, description="they bought of it; from broad to narrow", examples=[["Grocery", "Dairy"]]
    )
    product_id: Id | None = Field(None, description="they bought it", examples=[None])
    bought_since: DayOrMoment | None = Field(
        None, description="their last purchase (of that, if given) is not before this", examples=[None]
    )
    lapsed_since: DayOrMoment | None = Field(
        None, description="their last purchase (of that, if given) is before this", examples=[None]
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        filtered = any(each is not None for each in _filter_of(self).values())
        if [self.users is not None, self.everyone, filtered].count(True) != 1:
            raise ValueError("give users, or everyone, or what users have in common")
        return self

    def wanted(self) -> Filter:
        """Return what users must have in common; nothing for a list and for everyone."""
        return filter_of(_filter_of(self))


def _filter_of(segment: Segment) -> dict[str, Any]:
    return {
        "interest": segment.interest,
        "category": list(segment.category) if segment.category else None,
        "product_id": segment.product_id,
        "bought_since": _ms(segment.bought_since),
        "lapsed_since": _ms(segment.lapsed_since),
    }


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment.astimezone(UTC))


def filter_of(body: Mapping[str, Any]) -> Filter:
    """Return a filter that was kept as JSON."""
    return Filter(**{**body, "category": tuple(body.get("category") or ())})


def as_json(wanted: Filter) -> dict[str, Any]:
    """Return a filter as JSON."""
    return {**asdict(wanted), "category": list(wanted.category)}


@dataclass(frozen=True, slots=True)
class Found:
    """Some members of a segment, how many users were looked at, and where to go on (none: that was all)."""

    users: tuple[str, ...]
    looked_at: int
    after: str | None


def following(knowledge: KnowledgeReader, shop: str, wanted: Filter, after: str, most: int) -> Found:
    """Return the next members after a user, in order of ids; in one go 5,000 users are looked at, at most."""
    looked_at = 0
    for page in _pages(knowledge, shop, after):
        looked_at += len(page)
        found = knowledge.among(shop, page, wanted)
        if len(found) > most:
            return Found(tuple(found[:most]), looked_at, found[most - 1])
        after = page[-1]
        if found:
            return Found(tuple(found), looked_at, after if len(page) == _PAGE else None)
        if looked_at >= _PAGE * _PAGES_AT_ONCE:
            return Found((), looked_at, after)
    return Found((), looked_at, None)


def _pages(knowledge: KnowledgeReader, shop: str, after: str = "") -> Iterator[list[str]]:
    return pages(partial(knowledge.users, shop), _PAGE, after)


def members(knowledge: KnowledgeReader, shop: str, segment: Segment) -> Iterator[str]:
    """Yield all of a segment's members that are known: those of a list in its order, others in order of ids."""
    for page in _chunks(segment.users) if segment.users else _pages(knowledge, shop):
        yield from knowledge.among(shop, page, segment.wanted())


@dataclass(frozen=True, slots=True)
class Count:
    """How many members were found among how many users; incomplete if the time was over before all were looked at."""

    users: int
    looked_at: int
    complete: bool


def count(knowledge: KnowledgeReader, shop: str, segment: Segment, seconds: float = _COUNT_SECONDS) -> Count:
    """Count a segment's members, as far as the time allows."""
    started, found, looked_at = time.monotonic(), 0, 0
    for page in _chunks(segment.users) if segment.users else _pages(knowledge, shop):
        found += len(knowledge.among(shop, page, segment.wanted()))
        looked_at += len(page)
        if time.monotonic() - started > seconds:
            return Count(found, looked_at, complete=False)
    return Count(found, looked_at, complete=True)


def _chunks(users: list[str]) -> Iterator[list[str]]:
    distinct = list(dict.fromkeys(users))
    for first in range(0, len(distinct), _PAGE):
        yield distinct[first : first + _PAGE]
