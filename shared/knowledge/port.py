"""The knowledge graph: what the history means. Engines: `ladybug` (embedded), `neo4j` (distributed).

Only the graph service holds a `KnowledgeWriter`; everyone else holds a `KnowledgeReader`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from shared.bus.port import Position

if TYPE_CHECKING:
    import numpy as np

    from shared.knowledge.hindsight import Hindsight
    from shared.knowledge.insight import (
        Alike,
        Community,
        Fitted,
        Insight,
        Neighbourhood,
        Parameters,
        Product,
        Profile,
        Ways,
    )
    from shared.knowledge.near import Near
    from shared.knowledge.projection import Delta, Row, RowKey
    from shared.knowledge.segments import Filter

T = TypeVar("T")


def unchecked() -> None:
    """Find nothing wrong."""


class KnowledgeReader(Protocol):
    """Answers from the graph. Every read is bounded; shop-scoped; thread-safe; never waits for the writer."""

    def insight(
        self,
        shop: str,
        user_id: str,
        at: int | None = None,
        hindsight: Hindsight | None = None,
        near: Near | None = None,
    ) -> Insight:
        """Return all that email, board and recommendation need to know of a user, in one bounded read.

        `at` (ms) ignores purchases and interests that came later; `hindsight` says what neighbours, popularity and
        parameters were then (without it they are those of the last refresh); `near` are the present neighbours, read
        before, which makes many insights quicker and none of them different. An unknown user gives `known=False`,
        never an error.

        Raises:
            UnavailableError: the engine does not answer, or is being rebuilt and has no older generation.
        """

    def near(self, shop: str) -> Near:
        """Return who and what is near whom in a shop, for the insights of many of its users; it takes memory."""

    def fitted(self, shop: str) -> Fitted | None:
        """Return what a shop's parameters are and how they came to be, or none for an unknown shop."""

    def profile(self, shop: str, user_id: str) -> Profile | None:
        """Return a user at a glance, or none."""

    def product(self, shop: str, product_id: str) -> Product | None:
        """Return a product, or none."""

    def similar_users(self, shop: str, user_id: str, limit: int = 20) -> Alike:
        """Return the most similar users with what they share; none when unknown or not yet refreshed."""

    def similar_products(self, shop: str, product_id: str, limit: int = 20) -> Alike:
        """Return products bought by the same people, with why."""

    def communities(self, shop: str) -> tuple[Community, ...]:
        """Return a shop's communities of interest as of its last refresh (100 at most), the largest first.

        Each with how many it has, and the five products that are most typical of it.
        """

    def community(self, shop: str, id: str) -> Community | None:
        """Return one of them with its 30 most typical products, or none."""

    def members(self, shop: str, id: str, *, after: str = "", limit: int = 50) -> list[str]:
        """Return a community's user ids in order, after one of them; at most 1,000."""

    def neighbourhood(
        self,
        shop: str,
        kind: str,
        id: str,
        *,
        depth: int = 2,
        kinds: Sequence[str] = (),
        limit: int = 60,
    ) -> Neighbourhood | None:
        """Return the graph around a user, product or interest: depth ≤ 3, at most `limit` ≤ 300 nodes; none if unknown.

        `kinds` keeps only these edge kinds (all when empty). What takes too long is left out, and `partial` says so.
        """

    def ways(
        self, shop: str, one: tuple[str, str], other: tuple[str, str], *, kinds: Sequence[str] = (), longest: int = 4
    ) -> Ways | None:
        """Return how two nodes (kind, id) are connected: the shortest ways, at most 10, of up to `longest` ≤ 6 steps.

        `kinds` as for `neighbourhood`; none if one of the two is unknown.
        """

    def users(self, shop: str, *, after: str = "", limit: int = 50) -> list[str]:
        """Return user ids in order, after one of them."""

    def among(self, shop: str, users: Sequence[str], wanted: Filter) -> list[str]:
        """Return which of these users (1,000 at most) there are and match a filter, in the order given."""

    def rows(self, shop: str) -> Iterator[tuple[RowKey, Row]]:
        """Yield every canonical row of a shop (never derived ones), in any order."""

    def status(self) -> Mapping[str, object]:
        """Return what operators ask: generation, rebuilding or not, counts, when last refreshed per shop."""


@dataclass(frozen=True, slots=True)
class Communities:
    """Communities of interest: each user's (user, community id), and what is typical of each, the most telling first.

    `typical`: community id, product, place from 0 on, buyers among its members, lift over the whole shop.
    """

    members: Sequence[tuple[str, str]] = ()
    typical: Sequence[tuple[str, str, int, int, float]] = ()


@dataclass(frozen=True, slots=True)
class Derived:
    """Refreshed knowledge of one shop, outside the digest. All by our ids; lists are already cut to their strongest.

    `bought_with`: product, product, score (signed), support. `similar_to`: user, user, score, support.
    `popular`: product, distinct buyers in 28 days. `popular_in`: interest id, product, distinct buyers.
    `products`: product, distinct buyers in 28 days, newcomers, loyalty (see `insight.Product`).
    `fit`: how the parameters came to be: when, on what, with which scores.
    """

    bought_with: Sequence[tuple[str, str, float, int]]
    similar_to: Sequence[tuple[str, str, float, int]]
    popular: Sequence[tuple[str, int]]
    popular_in: Sequence[tuple[str, str, int]]
    parameters: Parameters
    at: int
    products: Sequence[tuple[str, int, float, float]] = ()
    fit: Mapping[str, object] = field(default_factory=dict)
    communities: Communities = field(default_factory=Communities)


@dataclass(frozen=True, slots=True)
class Amendment:
    """What a few people's purchases change of a shop's derived knowledge: each source's edges as they are now.

    `similar_to`: user → (user, score, support). `bought_with`: product → (product, score, support).
    `products`: as in `Derived`, of those only that say something else now.
    """

    similar_to: Mapping[str, Sequence[tuple[str, float, int]]]
    bought_with: Mapping[str, Sequence[tuple[str, float, int]]]
    products: Sequence[tuple[str, int, float, float]]


@dataclass(frozen=True, slots=True)
class PurchaseMatrix:
    """Every purchase of a shop as parallel arrays, for refreshing: indexes into `users` and `products`, times in ms."""

    users: Sequence[str]
    products: Sequence[str]
    user_index: np.ndarray
    product_index: np.ndarray
    times: np.ndarray


class KnowledgeWriter(KnowledgeReader, Protocol):
    """Changes the graph. One writer per partition at a time."""

    def watermarks(self) -> list[Position]:
        """Return, per log, topic and partition, the last position whose effects the graph holds."""

    def apply(self, delta: Delta, watermarks: Sequence[Position], check: Callable[[], None] = unchecked) -> None:
        """Merge a delta into the graph and advance the watermarks, in one transaction.

        `check` is called once whoever compares or mends (`alone`) must wait until this is done: what it finds true of
        the history stays true for them. What it raises undoes all. It may be called again.

        Raises:
            UnavailableError: nothing was applied.
            ConflictError: another writer has moved a watermark at or past these.
        """

    def shops(self) -> list[str]:
        """Return the shops that have nodes."""

    def mend(self, shop: str, put: Iterable[tuple[RowKey, Row]], delete: Iterable[RowKey]) -> None:
        """Write and remove exact rows, in one transaction; what `repair` does."""

    def load(self, rows: Iterable[tuple[RowKey, Row]], watermarks: Sequence[Position]) -> Mapping[str, str]:
        """Fill a fresh generation from rows in bulk, prove it, and switch to it; readers have the old one until then.

        Returns the digest of each shop, proved equal for what was given and what was read back.

        Raises:
            UnavailableError: the proof failed, or the engine did; the old generation stays.
        """

    def alone(self, act: Callable[[], T]) -> T:
        """Return what comes of an act, while which nobody else changes the graph; its mends are kept together.

        What is read within is one state of the graph. The act may be done again from its beginning.

        Raises:
            UnavailableError: others were in the way again and again, or the engine does not answer; nothing was kept.
        """

    def sweep(self) -> None:
        """Remove what interrupted rebuilds have left."""

    def purchases(self, shop: str, users: Sequence[str] | None = None) -> PurchaseMatrix:
        """Return every purchase of a shop, or of some of its users, for refreshing neighbours."""

    def abouts(self, shop: str) -> Mapping[str, Sequence[str]]:
        """Return, per product, the interest ids it is about (its category and their parents, brand, tags)."""

    def refresh(self, shop: str, derived: Derived) -> None:
        """Replace a shop's derived edges and popularity; readers see the old or the new, never a mixture for long."""

    def amend(self, shop: str, amendment: Amendment) -> None:
        """Write what changed of a shop's derived edges since its last refresh; all else stays as it is."""

    def match(self, shop: str, matches: Sequence[tuple[str, str, float]]) -> None:
        """Replace what free-word interests were matched to: tag interest id, category interest id, likeness 0–1."""

    def interests(self, shop: str, kind: str) -> Mapping[str, str]:
        """Return interest ids of a kind (category, brand, tag) and their names."""

    def snapshot(self, directory: str) -> None:
        """Write a consistent copy of the graph into an empty directory."""

    def restore(self, directory: str) -> None:
        """Switch to a copy made by `snapshot`; what came since is projected again from the ledger."""

    def close(self) -> None:
        """Let go of the engine."""
