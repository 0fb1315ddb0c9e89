"""What a few people's purchases change of a shop's derived knowledge, since its last whole refresh (docs/adr/0020)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.graph.baskets import Baskets, Names
from services.graph.circles import Circle, Circles
from services.graph.likeness import Likeness
from services.graph.lines import Ledgers
from services.graph.neighbours import DIGITS, YEAR, drawn
from services.graph.signals import DAY, incidence, mean_loyalty, present, since
from services.graph.weights import MOST_ITEMS, Gram, Scale, Weights, beside_rare
from shared.knowledge.port import Amendment, Derived, PurchaseMatrix

_MOST_LINES = 0.02  # of a shop's purchases may be new before everything is derived again
_LEAST_LINES = 200  # so many always may
_MOST_PEOPLE = 500  # at once
_LATE = DAY  # of the shop's own time, after which everything is derived again


@dataclass
class Standing:
    """What a shop's last whole refresh rested on, kept in memory, and what was amended since."""

    at: int  # the shop's present at the whole refresh
    penalty: float
    users: Names
    products: Names
    ever: Baskets
    year: Baskets
    circles: Circles
    common: frozenset[int]  # products that EASE weighs: theirs wait for the next whole refresh
    ledgers: Ledgers
    newcomer_days: float
    loyalty: float
    lines: int
    added: int = 0
    stands: bool = True  # until too much has changed

    @classmethod
    def of(cls, purchases: PurchaseMatrix, derived: Derived) -> Standing:
        """Arrange what a whole refresh has read, and what it made of that."""
        at, fitted = derived.at, derived.parameters
        matrix, year = incidence(purchases), incidence(since(purchases, at - YEAR))
        users, ever = Names(purchases.users), Baskets(matrix)
        near = [(users.number(user), users.number(similar), score) for user, similar, score, _ in derived.similar_to]
        return cls(
            at=at,
            penalty=fitted.ridge,
            users=users,
            products=Names(purchases.products),
            ever=ever,
            year=Baskets(year),
            circles=Circles(Likeness.of(matrix), np.array(near).reshape(-1, 3), ever),
            common=frozenset(Gram.chosen(year, MOST_ITEMS).tolist()),
            ledgers=Ledgers(purchases),
            newcomer_days=fitted.newcomer_days,
            loyalty=mean_loyalty(purchases),
            lines=len(purchases.times),
        )

    def amended(self, now: PurchaseMatrix, people: Sequence[str]) -> Amendment | None:
        """Return what changes now that some people's purchases are these; none if everything must be derived again.

        That is so when too much has changed since, when the shop's day has passed, or when somebody is gone.
        """
        moment = max(self.at, present(now))
        self.stands = len(people) <= _MOST_PEOPLE and moment <= self.at + _LATE and set(now.users) == set(people)
        if not self.stands:
            return None
        users = np.array([self.users.number(user) for user in now.users], dtype=np.int64)
        products = np.array([self.products.number(product) for product in now.products], dtype=np.int64)
        lines = (users[now.user_index], products[now.product_index], now.times)
        touched: set[int] = set()
        changed = []
        for user in users.tolist():
            own = lines[0] == user
            said, gained = self._put(user, lines[1][own], lines[2][own], touched)
            changed += [user] if said else []
            self.added += gained
        self.stands = self.added <= max(_LEAST_LINES, _MOST_LINES * self.lines)
        if not self.stands:
            return None
        return Amendment(
            similar_to=self._told(self.circles.after(changed)) if changed else {},
            bought_with=self._beside(changed),
            products=self._drawn(sorted(touched), moment),
        )

    def _put(self, user: int, products: np.ndarray, times: np.ndarray, touched: set[int]) -> tuple[bool, int]:
        """Take in what a user bought; say whether it is other products than before, and how many purchases came."""
        some, gained = self.ledgers.put(user, set(zip(products.tolist(), times.tolist(), strict=True)))
        touched |= some
        said = [
            self.year.put(user, np.unique(products[times > self.at - YEAR])),
            self.ever.put(user, np.unique(products)),
        ]
        return any(said), gained

    def _told(self, circles: dict[int, Circle]) -> dict[str, list[tuple[str, float, int]]]:
        return {
            self.users.ids[user]: [
                (self.users.ids[other], round(score, DIGITS), shared) for other, (score, shared) in circle.items()
            ]
            for user, circle in circles.items()
        }

    def _beside(self, users: Sequence[int]) -> dict[str, list[tuple[str, float, int]]]:
        """Return what stands beside the rare products in some users' baskets."""
        owned = {product for user in users for product in self.year.row(user).tolist()} - self.common
        counts = self.year.counts
        rare = np.array(sorted(product for product in owned if counts[product] > 1), dtype=np.int64)
        if not len(rare):
            return {}
        rows = self.year.rows(self.year.buyers(rare.tolist()))
        together = (rows[:, rare].T.tocsr() @ rows).tocoo()
        scale = Scale(counts, len(self.users), np.array(sorted(self.common)), self.penalty)
        weights = Weights(*beside_rare(rare, together, scale))
        found: dict[str, list[tuple[str, float, int]]] = {self.products.ids[product]: [] for product in rare.tolist()}
        for source, target, score, support in zip(
            weights.source.tolist(), weights.target.tolist(), weights.score.tolist(), weights.support.tolist(),
            strict=True,
        ):  # fmt: skip
            found[self.products.ids[source]].append((self.products.ids[target], round(score, DIGITS), int(support)))
        return found

    def _drawn(self, products: Sequence[int], moment: int) -> list[tuple[str, int, float, float]]:
        told = drawn(self.ledgers.only(products), self.newcomer_days, moment, self.loyalty)
        return [
            (self.products.ids[int(number)], buyers, newcomers, loyalty) for number, buyers, newcomers, loyalty in told
        ]
