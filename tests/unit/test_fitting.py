"""A shop is fitted on its own past; shops of any shape get parameters, and lists, without an exception."""

from __future__ import annotations

import time

import numpy as np
import pytest

from services.graph.fitting import LEAST_PEOPLE, Fit, cut_of, fit, is_better, search
from services.graph.neighbours import derive
from services.graph.signals import baskets, decayed_by_visits, until
from shared.knowledge.insight import Parameters
from shared.knowledge.port import PurchaseMatrix
from shared.knowledge.recommend import VISITS, fading

DAY = 86_400_000
AT = 1_793_700_000_000
SHAPES = {
    "nobody": (0, 0, 1, 0),
    "one purchase": (1, 1, 1, 1),
    "ten users": (10, 30, 60, 120),
    "one purchase each": (300, 100, 90, 300),
    "a gift wholesaler": (200, 400, 360, 2_000),
    "a few weeks": (150, 80, 20, 1_500),
    "one product": (100, 1, 200, 400),
}


def shop(users: int, products: int, days: int, lines: int) -> PurchaseMatrix:
    """Purchases at random, some people and some products much more often than others."""
    rng = np.random.default_rng(7)
    user = np.minimum(np.arange(lines), users - 1) if lines == users else (users * rng.random(lines) ** 2).astype(int)
    product = (products * rng.random(lines) ** 2).astype(int)
    times = AT - (rng.random(lines) * days * DAY).astype(np.int64)
    return PurchaseMatrix([f"u{n}" for n in range(users)], [f"p{n}" for n in range(products)], user, product, times)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shop_of_any_shape_is_fitted_and_derived(shape: str) -> None:
    purchases = shop(*SHAPES[shape])
    fitted = fit(purchases)
    derived = derive(purchases, {}, fitted)

    assert {product for product, *_ in derived.products} == set(purchases.products)
    assert all(np.isfinite(score) for _, _, score, _ in (*derived.bought_with, *derived.similar_to))
    assert len(purchases.times) == fitted.purchases
    assert fitted == Fit.read(fitted.parameters, fitted.as_json())


def test_too_few_people_who_came_back_leave_the_defaults() -> None:
    fitted = fit(shop(*SHAPES["ten users"]))

    assert (Parameters(), {}) == (fitted.parameters, fitted.scores)


def test_a_shop_where_old_habits_hold_is_fitted_to_a_long_memory() -> None:
    """Everyone buys their own three things over and over, and one passing fancy in the last weeks before the cut."""
    lines = []
    for user in range(120):
        habits = [(f"h{(user * 3 + n) % 40}", AT - day * DAY) for n in range(3) for day in (4, 90, 180, 270)]
        fancies = [(f"f{(user * 12 + n) % 60}", AT - 36 * DAY) for n in range(12)]
        lines += [(f"u{user}", *line) for line in habits + fancies]
    fitted = fit(matrix(lines))

    assert fitted.parameters.fitted
    assert fitted.parameters.decay_days > Parameters().decay_days or fitted.parameters.quick_share == 0.0
    assert fitted.scores["top"][1] > fitted.scores["top"][0]


def test_a_purchase_counts_by_how_often_its_person_came_since_in_the_fit_as_in_the_lists() -> None:
    whole = shop(*SHAPES["a few weeks"])
    faded = decayed_by_visits(whole, VISITS).toarray()
    for user in range(len(whole.users)):
        own = whole.user_index == user
        visits = sorted(set(whole.times[own].tolist()))
        by_visits = fading(visits, visits[-1] + 999_999 * DAY, Parameters(visit_share=1.0))
        for product in set(whole.product_index[own].tolist()):
            times = sorted(whole.times[own & (whole.product_index == product)].tolist())
            assert sum(by_visits[time] for time in times) == pytest.approx(faded[user, product], rel=1e-5)


def test_what_comes_after_a_moment_changes_nothing_that_was_derived_at_it() -> None:
    whole = shop(*SHAPES["a gift wholesaler"])
    at = AT - 60 * DAY
    early = whole.times <= at
    columns = (whole.user_index[early], whole.product_index[early], whole.times[early])
    alone = until(PurchaseMatrix(whole.users, whole.products, *columns), at)
    then = until(whole, at)
    fits = fit(then), fit(alone)

    assert [one.parameters for one in fits[:1]] == [one.parameters for one in fits[1:]]
    assert derive(then, {}, fits[0]) == derive(alone, {}, fits[0])
    assert baskets(then) == baskets(alone)
    assert derive(then, {}, fits[0]) != derive(whole, {}, fits[0])


def test_a_value_is_taken_only_beyond_its_standard_error() -> None:
    held = np.zeros(200)
    noise = np.random.default_rng(1).normal(0.0, 1.0, 200)

    assert not is_better(noise - noise.mean() + 0.01, held)
    assert is_better(noise - noise.mean() + 0.5, held)
    assert not is_better(np.ones(LEAST_PEOPLE - 1), np.zeros(LEAST_PEOPLE - 1))


def test_after_its_deadline_a_search_tries_nothing_more() -> None:
    tried = []

    def judge(parameters: Parameters) -> np.ndarray:
        tried.append(parameters)
        return np.zeros(100)

    assert Parameters() == search(Parameters(), [("ridge", (1.0, 2.0))], judge, time.monotonic() - 1)
    assert 1 == len(tried)


def test_the_cut_leaves_two_thirds_of_a_short_past() -> None:
    assert AT - 28 * DAY == cut_of(matrix([("u", "p", AT), ("u", "p", AT - 200 * DAY)]))
    assert AT - 10 * DAY == cut_of(matrix([("u", "p", AT), ("u", "p", AT - 30 * DAY)]))


def matrix(lines: list[tuple[str, str, int]]) -> PurchaseMatrix:
    users, products = sorted({u for u, _, _ in lines}), sorted({p for _, p, _ in lines})
    return PurchaseMatrix(
        users,
        products,
        np.array([users.index(u) for u, _, _ in lines], dtype=np.int64),
        np.array([products.index(p) for _, p, _ in lines], dtype=np.int64),
        np.array([at for _, _, at in lines], dtype=np.int64),
    )
