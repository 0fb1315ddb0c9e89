"""The read side of the knowledge port, the same on every engine."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from shared.knowledge import communities, paths
from shared.knowledge.engine import Engine
from shared.knowledge.hindsight import Hindsight
from shared.knowledge.insight import (
    Alike,
    Community,
    Fitted,
    Insight,
    Neighbour,
    Neighbourhood,
    Product,
    Profile,
    Ways,
)
from shared.knowledge.near import Near
from shared.knowledge.neighbourhoods import check, draw
from shared.knowledge.patience import SECONDS, Patience
from shared.knowledge.reading_facts import FOREVER, Horizon, Purchase, product_of, traits
from shared.knowledge.reading_insight import insight_of, interested_of, interests_of, purchases_of, shop_of, user_of
from shared.knowledge.rows import uid
from shared.knowledge.segments import MOST, Filter, among

_MOST_NEIGHBOURS = 50
_MOST_USERS = 1_000
_SHARED = 5
_TOP_CATEGORIES = 8
_CATEGORY_DEPTH = 2  # departments say too little at a glance, shelves too much


class Reading:
    """Reads through `engine`; every answer is bounded, in a fixed order, and of one shop."""

    engine: Engine
    patience: float = SECONDS  # that a question about the graph may take

    @property
    def _filled(self) -> Engine:
        """The engine, once its graph was filled: an empty one would say that nobody is known.

        Raises:
            UnavailableError: it was not, or was wiped since.
        """
        self.engine.check_filled()
        return self.engine

    def insight(
        self,
        shop: str,
        user_id: str,
        at: int | None = None,
        hindsight: Hindsight | None = None,
        near: Near | None = None,
    ) -> Insight:
        """Return what is to be known of a user in one bounded read (see the port)."""
        return insight_of(self._filled, shop, user_id, at, hindsight, near)

    def near(self, shop: str) -> Near:
        """Return who and what is near whom in a shop, all at once, for the insights of many users."""
        of = {"shop": shop}
        beside, alike = (
            ((row["source"], row["target"], row["score"], row["support"]) for row in self._filled.stream(name, of))
            for name in ("rows_bought_with", "rows_similar_to")
        )
        baskets: dict[str, list[str]] = defaultdict(list)
        for row in self._filled.stream("baskets", of):
            baskets[row["source"]].append(row["target"])
        return Near.of(beside, alike, dict(baskets))

    def fitted(self, shop: str) -> Fitted | None:
        """Return what a shop's parameters are and how they came to be, or none for an unknown shop."""
        return shop_of(self._filled, shop)

    def profile(self, shop: str, user_id: str) -> Profile | None:
        """Return a user at a glance (of their 2,000 latest products), or none."""
        engine = self._filled
        user = user_of(engine, shop, user_id)
        if user is None:
            return None
        bought = [one for one in purchases_of(engine, engine.near(shop, user_id), shop, user_id) if one.times]
        rows, matches = interested_of(engine, shop, user_id, user)
        return Profile(
            user_id=user_id,
            traits=traits(user.facts),
            locale=user.facts.value("locale"),
            consent=user.facts.value("consent"),
            first_at=min((one.times[0] for one in bought), default=None),
            last_at=max((one.times[-1] for one in bought), default=None),
            products=len(bought),
            purchases=sum(len(one.times) for one in bought),
            top_categories=_top_categories(bought),
            interests=interests_of(engine, shop, rows, matches, Horizon(FOREVER, FOREVER)),
        )

    def product(self, shop: str, product_id: str) -> Product | None:
        """Return a product, or none."""
        found = self._filled.run("the_product", {"uid": uid("product", shop, product_id)})
        return product_of(found[0]) if found else None

    def similar_users(self, shop: str, user_id: str, limit: int = 20) -> Alike:
        """Return the most similar users, at most 50, with products that both bought."""
        start, patience = uid("user", shop, user_id), Patience(self._filled, self.patience)
        rows = patience.ask("like_user", {"uid": start, "limit": _clamp(limit, _MOST_NEIGHBOURS)})
        shared = _in_common(patience, shop, start, [row["uid"] for row in rows])
        found = (
            Neighbour(row["id"], row["id"], _unit(row["score"]), row["support"], shared.get(row["id"], ()))
            for row in rows
        )
        return Alike(tuple(found), patience.partial)

    def similar_products(self, shop: str, product_id: str, limit: int = 20) -> Alike:
        """Return products bought by the same people, at most 50, with the categories that both are in."""
        one, patience = self.product(shop, product_id), Patience(self._filled, self.patience)
        if one is None:
            return Alike(())
        parameters = {"uid": uid("product", shop, product_id), "limit": _clamp(limit, _MOST_NEIGHBOURS)}
        rows = [(row, product_of(row)) for row in patience.ask("like_product", parameters)]
        found = (
            Neighbour(other.product_id, other.title, _unit(row["score"]), row["support"], _shared_path(one, other))
            for row, other in rows
        )
        return Alike(tuple(found), patience.partial)

    def communities(self, shop: str) -> tuple[Community, ...]:
        """Return a shop's communities of interest, the largest first (see the port)."""
        return communities.listed(self._filled, shop)

    def community(self, shop: str, id: str) -> Community | None:
        """Return one of them with its most typical products, or none."""
        return communities.one(self._filled, shop, id)

    def members(self, shop: str, id: str, *, after: str = "", limit: int = 50) -> list[str]:
        """Return a community's user ids in order, after one of them; at most 1,000."""
        return communities.members(self._filled, shop, id, after, _clamp(limit, _MOST_USERS))

    def neighbourhood(
        self, shop: str, kind: str, id: str, *, depth: int = 2, kinds: Sequence[str] = (), limit: int = 60
    ) -> Neighbourhood | None:
        """Return the graph around a node, or none if it is unknown.

        Raises:
            InvalidInputError: the kind, depth, limit or an edge kind is out of range.
        """
        check(kind, depth, kinds, limit)
        name = self._name(shop, kind, id)
        if name is None:
            return None
        return draw(
            Patience(self._filled, self.patience), shop, (kind, id, name), depth=depth, kinds=kinds, limit=limit
        )

    def ways(
        self, shop: str, one: tuple[str, str], other: tuple[str, str], *, kinds: Sequence[str] = (), longest: int = 4
    ) -> Ways | None:
        """Return how two nodes (kind, id) are connected, or none if one is unknown.

        Raises:
            InvalidInputError: a kind or the length is out of range, or both are the same node.
        """
        paths.check((one, other), kinds, longest)
        roots = [(*end, name) for end in (one, other) if (name := self._name(shop, *end)) is not None]
        if len(roots) < 2:  # noqa: PLR2004 (a way has two ends)
            return None
        return paths.connect(
            Patience(self._filled, self.patience), shop, (roots[0], roots[1]), kinds=kinds, longest=longest
        )

    def users(self, shop: str, *, after: str = "", limit: int = 50) -> list[str]:
        """Return user ids in order, after one of them; at most 1,000."""
        parameters = {"shop": shop, "after": after, "limit": _clamp(limit, _MOST_USERS)}
        return [row["id"] for row in self._filled.run("users_after", parameters)]

    def among(self, shop: str, users: Sequence[str], wanted: Filter) -> list[str]:
        """Return which of these users (1,000 at most) there are and match a filter, in the order given."""
        return among(self._filled, shop, users[:MOST], wanted)

    def _name(self, shop: str, kind: str, id: str) -> str | None:
        if kind == "product":
            product = self.product(shop, id)
            return product.title if product else None
        found = self._filled.run(f"read_{kind}", {"uids": [uid(kind, shop, id)]})
        return (found[0].get("name") or id) if found else None


def _in_common(patience: Patience, shop: str, start: str, others: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    if not others:
        return {}
    shared: dict[str, list[str]] = defaultdict(list)
    for row in patience.ask("in_common", {"uid": start, "uids": list(others)}):
        if len(shared[row["user"]]) < _SHARED:
            shared[row["user"]].append(row["id"])
    uids = sorted({uid("product", shop, product) for products in shared.values() for product in products})
    rows = patience.ask("the_products", {"uids": uids}) if uids else []
    titles = {row["id"]: product_of(row).title for row in rows}
    return {user: tuple(titles[one] for one in products if one in titles) for user, products in shared.items()}


def _top_categories(bought: Sequence[Purchase]) -> tuple[tuple[str, float], ...]:
    counts: Counter[str] = Counter()
    for one in bought:
        if path := one.product.categories[:_CATEGORY_DEPTH]:
            counts[path[-1]] += len(one.times)
    total = sum(len(one.times) for one in bought)
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple((name, count / total) for name, count in ordered[:_TOP_CATEGORIES])


def _shared_path(one: Product, other: Product) -> tuple[str, ...]:
    return tuple(name for name in one.categories if name in other.categories)


def _clamp(limit: int, most: int) -> int:
    return max(0, min(limit, most))


def _unit(score: float) -> float:
    return max(0.0, min(1.0, score))
