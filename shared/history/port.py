"""The history: the ledger (what happened, once each), what analysts ask of it, and the documents that services keep."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Generic, Literal, Protocol, TypeVar

from shared.bus.port import Position
from shared.contracts.events import Kind

T = TypeVar("T")


class Outcome(StrEnum):
    """What the ledger made of an entry."""

    NEW = "new"
    REDELIVERED = "redelivered"  # same origin: seen, perhaps not yet projected
    DUPLICATE = "duplicate"  # other origin, same content: no effect
    CONFLICT = "conflict"  # other content under a known id: quarantined, the first stands


@dataclass(frozen=True, slots=True)
class Entry:
    """One event as the ledger keeps it. `data` is canonical JSON, `digest` its SHA-256, `at` when it happened (ms)."""

    shop: str
    kind: Kind
    id: str
    digest: str
    origin: Position
    user_id: str | None
    product_id: str | None
    at: int
    type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of the items, and the opaque token that asks for the next ones (empty: that was all)."""

    items: tuple[T, ...]
    next_token: str = ""


def every(ask: Callable[[str], Page[T]]) -> Iterator[T]:
    """Yield the items of all pages, in order; `ask` returns the page that a token asks for."""
    token = ""
    while True:
        page = ask(token)
        yield from page.items
        if not (token := page.next_token):
            return


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two contents under one id: the one that stands, and the one that was quarantined."""

    shop: str
    kind: Kind
    id: str
    stands: bytes
    quarantined: bytes
    origin: Position
    seen_at: int


class Ledger(Protocol):
    """Records each event once. Thread-safe; every method is atomic and, when it returns, durable."""

    def record(self, entries: Sequence[Entry], watermarks: Sequence[Position] = ()) -> list[Outcome]:
        """Record entries in order, and that everything up to and including the watermarks has been dealt with.

        Raises:
            UnavailableError: nothing was recorded.
        """

    def known(self, shop: str, kind: Kind, ids: Iterable[str]) -> dict[str, str]:
        """Return the digest of each of these events that the ledger holds."""

    def replay(self, shop: str | None = None, after: int = 0) -> Iterator[tuple[int, Entry]]:
        """Yield every accepted entry and its sequence number (> after) in order of recording; erased ones are gone."""

    def watermarks(self) -> list[Position]:
        """Return, per log, topic and partition, the last position dealt with."""

    def shops(self) -> list[str]:
        """Return the shops that have entries."""

    def conflicts(self, shop: str | None, *, page_token: str = "", page_size: int = 100) -> Page[Conflict]:
        """Return quarantined contents, newest first."""

    def outcomes(self, origins: Sequence[Position]) -> dict[Position, Outcome]:
        """Return what became of the records at these positions (absent: not dealt with yet, or not an event)."""

    def erase(self, shop: str, user_id: str, before: int) -> int:
        """Forget the user's entries from before a moment (ms); ids and digests stay, so that replays have no effect."""


Period = Literal["day", "week", "month"]
Dimension = Literal["product", "category", "interest", "total"]


@dataclass(frozen=True, slots=True)
class TrendQuery:
    """What to count: per period, by dimension, for a shop or one of its users. Times in ms, `until` excluded."""

    shop: str
    by: Dimension = "total"
    period: Period = "month"
    user_id: str | None = None
    key: str | None = None  # one product, category (path "Grocery/Dairy") or interest only
    since: int | None = None
    until: int | None = None
    limit: int = 500


@dataclass(frozen=True, slots=True)
class TrendRow:
    """One period of one key: purchases (or, by interest, expressions), net quantity and revenue, distinct buyers.

    Rows are never mixed across currencies. `start` is the period's first day (ISO date); weeks begin on Monday.
    """

    start: str
    key: str
    count: int
    quantity: Decimal
    revenue: Decimal
    currency: str
    buyers: int
    score: Decimal | None = None  # by interest: the mean relevance expressed


@dataclass(frozen=True, slots=True)
class PricePoint:
    """What a product cost at a moment, as the catalogue said or as it was paid."""

    at: int
    price: Decimal
    currency: str
    source: Literal["catalogue", "purchase"]


class Analytics(Protocol):
    """Answers analysts' questions from what happened. Bounded; thread-safe."""

    def timeline(
        self,
        shop: str,
        *,
        user_id: str | None = None,
        product_id: str | None = None,
        kinds: Sequence[Kind] = (),
        page_token: str = "",
        page_size: int = 50,
    ) -> Page[Entry]:
        """Return events, newest first.

        Raises:
            InvalidInputError: the token belongs to another question.
        """

    def trends(self, query: TrendQuery) -> list[TrendRow]:
        """Return rows by period, then by falling revenue; refunds are taken back from the day of the purchase."""

    def prices(self, shop: str, product_id: str, limit: int = 500) -> list[PricePoint]:
        """Return how a product's price moved: the points where it changed, oldest first."""

    def tidy(self) -> bool:
        """Do a little of what makes later answers quick, never different; say whether there is more to do."""


@dataclass(frozen=True, slots=True)
class Document:
    """A service's own document: a template, job, email, board, key. `version` counts its writes from 1."""

    collection: str
    shop: str
    id: str
    body: Mapping[str, Any]
    version: int
    updated_at: int


class Documents(Protocol):
    """Keeps JSON documents by (collection, shop, id). Field names hold no `$` or `.`; values are JSON."""

    def put(
        self,
        collection: str,
        shop: str,
        id: str,
        body: Mapping[str, Any],
        *,
        expect: int | None = None,
    ) -> Document:
        """Write a document; with `expect`, only over that version (0: only if it is not there).

        Raises:
            ConflictError: another version stands.
        """

    def get(self, collection: str, shop: str, id: str) -> Document | None:
        """Return a document, or none."""

    def get_all(self, collection: str, shop: str, ids: Collection[str]) -> dict[str, Document]:
        """Return those of a shop's documents that are there, by id."""

    def find(
        self,
        collection: str,
        shop: str | None,
        where: Mapping[str, str] | None = None,
        *,
        page_token: str = "",
        page_size: int = 100,
    ) -> Page[Document]:
        """Return documents whose top-level fields equal `where`, newest first; no shop means all (for operators)."""

    def delete(self, collection: str, shop: str, id: str) -> bool:
        """Remove a document; say whether it was there."""


class History(Ledger, Analytics, Documents, Protocol):
    """All three, in one engine."""

    def close(self) -> None:
        """Let go of the engine."""
