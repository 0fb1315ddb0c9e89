"""What one bounded read of the graph tells about a user: who they are, what they bought, where paths lead from there.

Everything here is plain data in a fixed order, so that equal graphs give equal insights on every engine. What comes by
hundreds is a msgspec struct: made in a tenth of a frozen dataclass's time (0.2 µs to 1.8) and encoded in two thirds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from msgspec import Struct


class Product(Struct, frozen=True):
    """What is known of a product now. `categories` runs from broad to narrow."""

    product_id: str
    name: str | None = None
    categories: tuple[str, ...] = ()
    brand: str | None = None
    tags: tuple[str, ...] = ()
    price: Decimal | None = None
    currency: str | None = None
    url: str | None = None
    image_url: str | None = None
    available: bool = True
    popularity: int = 0  # distinct buyers in the shop's last 28 days, as of the last refresh
    newcomers: float = 0.0  # likewise: first-time buyers, fading with the days since (see `Parameters`)
    loyalty: float = 1.0  # likewise: how likely its buyers come back to it, relative to the shop's mean

    @property
    def title(self) -> str:
        """The product's name, or the best that there is to call it."""
        return self.name or (self.categories[-1] if self.categories else f"Product {self.product_id}")


class Bought(Struct, frozen=True):
    """One `PURCHASED` edge up to the insight's moment: every time (ms, ascending), sums net of refunds shown apart."""

    product: Product
    times: tuple[int, ...]
    quantity: Decimal
    spend: Decimal
    refunded: Decimal  # quantity taken back

    @property
    def kept(self) -> float:
        """The share of what was bought that was not taken back, 0 to 1."""
        if not self.quantity:
            return 0.0
        return max(0.0, 1.0 - float(self.refunded / self.quantity)) if self.refunded else 1.0


@dataclass(frozen=True, slots=True)
class Interest:
    """One `INTERESTED_IN` edge, with the shop's category that a free word was matched to, if any.

    `stated` is the latest stated relevance (0–1), `observed` the sum of observed ones; `at` the latest moment (ms).
    """

    interest_id: str
    kind: str  # category, brand or tag
    name: str
    stated: Decimal | None
    observed: Decimal
    at: int
    matched: tuple[str, ...] = ()  # path of the matched category


@dataclass(frozen=True, slots=True)
class Reaction:
    """What a user let show about one product: views, a wish, a rating (0–1), a dismissal (moments in ms)."""

    product: Product
    views: int = 0
    viewed_at: int | None = None
    wished_at: int | None = None
    rating: Decimal | None = None
    rated_at: int | None = None
    dismissed_at: int | None = None


class Via(StrEnum):
    """The kinds of paths that lead from a user to a product."""

    BOUGHT_WITH = "bought_with"  # user bought X; X is bought with this
    SIMILAR_USER = "similar_user"  # people with the same taste bought this
    INTEREST = "interest"  # user is interested in what this is about
    POPULAR = "popular"  # many bought this lately

    __hash__ = str.__hash__  # an enum's own is Python code, and paths are looked up by thousands


class Path(Struct, frozen=True):
    """One path to a candidate. `source` names the step in between (a product, an interest), if there is one.

    `weight` is the edge's score, signed for `BOUGHT_WITH` and times how much its source matters to the user now;
    `support` is how many users stand behind it.
    """

    via: Via
    weight: float
    support: int
    source_id: str = ""
    source_name: str = ""


class Candidate(Struct, frozen=True):
    """A product the user has not bought, and the paths that lead to it, strongest first."""

    product: Product
    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Parameters:
    """A shop's parameters, fitted on its own past; the defaults serve until there is enough (docs/quality.md).

    *Buy again*: (Σ exp(-Δdays/`decay_days`) + `quick_share` · Σ exp(-Δdays/30) + `visit_share` · Σ exp(-visits
    since/20)) · (1 + popularity)^`popularity_power` · loyalty^`loyalty_power`. *Discover*: (Σ exp(-Δdays/`source_days`)
    of a source · its weight + `similar_share` · mean likeness of the similar users who bought it + `popular_share` ·
    share of the most popular) · (1 + newcomers)^`newcomer_power`.
    """

    decay_days: float = 250.0
    quick_share: float = 0.0
    visit_share: float = 0.0
    popularity_power: float = 0.2
    loyalty_power: float = 0.0
    source_days: float = 150.0
    ridge: float = 500.0  # EASE's penalty, in buyers
    newcomer_days: float = 14.0  # how fast a first-time buyer's word on a product fades
    newcomer_power: float = 0.5
    similar_share: float = 0.6
    popular_share: float = 0.1
    new_among_top: float = 0.0  # what a discovery's score is times in the best single list; 0: after all repetitions
    fitted: bool = False


@dataclass(frozen=True, slots=True)
class Fitted:
    """A shop's present, its last refresh (ms; 0: none), its parameters, and on what these were fitted (empty: not)."""

    last_at: int
    refreshed_at: int
    parameters: Parameters
    fit: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """A business rule of the shop, in force at the insight's moment; see `shared.knowledge.rules` for what it does.

    It is about products of which all holds that is given. `pinned` is what a pin by product brings in.
    """

    rule_id: str
    action: str  # boost, pin or exclude
    product_id: str | None = None
    category: tuple[str, ...] = ()  # from broad to narrow
    price_from: Decimal | None = None
    price_to: Decimal | None = None
    currency: str | None = None  # of the prices
    factor: float = 1.0  # of a boost; below 1 it holds back
    pinned: Product | None = None


@dataclass(frozen=True, slots=True)
class Insight:
    """One user, seen through the graph at moment `at` (ms); an unknown one has `known=False` and popular candidates.

    `at` is capped at the shop's last event, so that a shop loaded from the past has its own present.
    """

    shop: str
    user_id: str
    at: int
    known: bool
    traits: Mapping[str, str | int | bool | None]
    locale: str | None
    consent: bool | None  # none: nothing was said
    bought: tuple[Bought, ...]  # most recently bought first, then by product_id
    interests: tuple[Interest, ...]  # strongest first
    reactions: tuple[Reaction, ...]
    candidates: tuple[Candidate, ...]
    parameters: Parameters
    refreshed_at: int  # when neighbours and popularity were last refreshed (ms; 0: never)
    rules: tuple[Rule, ...] = ()  # in the order made; the graph knows none, they are put in (`shared.decisions`)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A similar user or product: how similar (0–1), on how many shared things, and the strongest of them."""

    id: str
    name: str
    score: float
    support: int
    shared: tuple[str, ...]  # names of shared products (for users), or of shared categories (for products)


@dataclass(frozen=True, slots=True)
class Alike:
    """Similar users or products, the most similar first; `partial`: there was no time for what they share."""

    neighbours: tuple[Neighbour, ...]
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Typical:
    """A product that is typical of a community: `buyers` of its members, `lift` times as many as of the whole shop."""

    product_id: str
    title: str
    buyers: int
    lift: float


@dataclass(frozen=True, slots=True)
class Community:
    """People whose baskets are alike; `products` are the most telling ones."""

    id: str
    members: int
    products: tuple[Typical, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """A node of a drawn neighbourhood: `kind` is user, product or interest."""

    uid: str
    kind: str
    id: str
    name: str
    depth: int


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge of a drawn neighbourhood, in the graph's own words (PURCHASED, ABOUT, …)."""

    source: str
    target: str
    kind: str
    weight: float


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """A bounded piece of the graph around one node; `truncated`: a bound cut it, `partial`: there was no more time."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    truncated: bool
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Way:
    """One way from a node to another: its nodes in order, and the edge from each to the next, with words for it."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ways:
    """How two nodes are connected: the shortest ways, the strongest first; none when they are too far apart.

    `truncated`: nodes had more edges than were followed, `partial`: there was no more time; others may exist then.
    """

    ways: tuple[Way, ...]
    truncated: bool = False
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """A user at a glance."""

    user_id: str
    traits: Mapping[str, str | int | bool | None]
    locale: str | None
    consent: bool | None
    first_at: int | None  # first and last purchase (ms)
    last_at: int | None
    products: int  # distinct products bought
    purchases: int  # product lines bought, over all times
    top_categories: tuple[tuple[str, float], ...]  # category name, share of purchases; at most 8
    interests: tuple[Interest, ...]
