"""Who is near whom, what is popular, and what a free word means."""

from __future__ import annotations

import os
import sys
import threading
import time
from datetime import UTC, datetime

import numpy as np
import pytest

from services.graph.fitting import fit
from services.graph.matching import match_tags
from services.graph.neighbours import derive, product_neighbours, user_neighbours
from services.graph.signals import incidence, recent_buyers
from services.graph.similarity import Refresher
from services.graph.weights import PER_ITEM
from shared.clock import FixedClock
from shared.errors import UnavailableError
from shared.knowledge.port import Derived, PurchaseMatrix

DAY = 86_400_000
AT = 1_793_700_000_000


def matrix(*purchases: tuple[str, str, int]) -> PurchaseMatrix:
    """Each purchase is a user, a product and how many days ago."""
    users, products = sorted({u for u, _, _ in purchases}), sorted({p for _, p, _ in purchases})
    return PurchaseMatrix(
        users,
        products,
        np.array([users.index(u) for u, _, _ in purchases], dtype=np.int64),
        np.array([products.index(p) for _, p, _ in purchases], dtype=np.int64),
        np.array([AT - days * DAY for _, _, days in purchases], dtype=np.int64),
    )


TWO = matrix(("ann", "milk", 1), ("ann", "bread", 1), ("bob", "milk", 2), ("bob", "bread", 2), ("cat", "wine", 40))


def test_repeated_purchases_count_a_buyer_once() -> None:
    bought = incidence(matrix(("ann", "milk", 1), ("ann", "milk", 2)))

    assert [[1.0]] == bought.toarray().tolist()


def test_products_of_the_same_buyers_are_near() -> None:
    rows = product_neighbours(incidence(TWO), TWO.products, 1.0)

    # EASE by hand: the Gram matrix [[2, 2], [2, 2]] + I has the inverse [[3, -2], [-2, 3]] / 5.
    assert [("bread", "milk", 0.666667, 2), ("milk", "bread", 0.666667, 2)] == sorted(rows)


def test_what_is_bought_instead_weighs_against() -> None:
    both = [(user, thing, 1) for user in "abcdef" for thing in ("bread", "milk" if user < "d" else "oat drink")]
    rows = product_neighbours(incidence(matrix(*both)), matrix(*both).products, 1.0)
    scores = {(source, target): score for source, target, score, _ in rows}

    assert scores["milk", "oat drink"] < 0 < scores["milk", "bread"]


def test_a_product_beyond_the_most_bought_has_neighbours_too(monkeypatch: pytest.MonkeyPatch) -> None:
    staples = [(user, thing, 1) for user in "abcdefgh" for thing in ("bread", "milk")]
    bought = matrix(*staples, ("a", "truffle", 1), ("b", "truffle", 1), ("a", "caviar", 1), ("b", "caviar", 1))
    monkeypatch.setattr("services.graph.neighbours.MOST_ITEMS", 2)
    rows = {
        (source, target): (score, n)
        for source, target, score, n in product_neighbours(incidence(bought), bought.products, 1.0)
    }

    assert (0.5, 2) == rows["truffle", "caviar"]  # (2 shared - 0.5 expected) / (2 buyers + 1)
    assert 0 == rows["truffle", "milk"][0]  # everybody buys milk


def test_users_with_the_same_basket_are_alike_and_nobody_is_like_themselves() -> None:
    rows = user_neighbours(incidence(TWO), TWO.users)

    assert [("ann", "bob", 1.0, 2), ("bob", "ann", 1.0, 2)] == rows


def test_a_rare_thing_in_common_says_more() -> None:
    shared = [(user, "milk", 1) for user in ("ann", "bob", "cat", "dan")]
    bought = matrix(*shared, ("ann", "truffle", 1), ("bob", "truffle", 1), ("cat", "bread", 1), ("dan", "wine", 1))
    nearest = {row[0]: row[1] for row in reversed(user_neighbours(incidence(bought), bought.users))}

    assert "bob" == nearest["ann"]


def test_only_the_strongest_neighbours_are_kept_in_a_fixed_order() -> None:
    bought = matrix(*[(user, f"p{n:02}", 1) for n in range(70) for user in ("ann", f"u{n % 7}")])
    rows = product_neighbours(incidence(bought), bought.products, 5.0)

    assert 70 * PER_ITEM == len(rows)
    assert rows == product_neighbours(incidence(bought), bought.products, 5.0)
    assert {f"p{n:02}" for n in range(7, 70, 7)} <= {target for source, target, _, _ in rows if source == "p00"}


def test_popular_is_what_people_bought_in_the_shops_last_four_weeks() -> None:
    bought = matrix(
        ("ann", "milk", 0), ("ann", "milk", 1), ("bob", "milk", 27), ("ann", "bread", 28), ("bob", "tea", 5)
    )
    derived = derive(bought, {"milk": ["food"], "tea": ["food", "hot"], "bread": ["food"]}, fit(bought))

    assert [("milk", 2), ("tea", 1)] == list(derived.popular)
    assert [("food", "milk", 2), ("food", "tea", 1), ("hot", "tea", 1)] == list(derived.popular_in)
    assert AT == derived.at


@pytest.mark.parametrize("purchases", [[("ann", "milk", 1)], [("ann", "milk", 1), ("bob", "wine", 1)]])
def test_people_who_share_nothing_have_no_neighbours(purchases: list[tuple[str, str, int]]) -> None:
    bought = matrix(*purchases)
    derived = derive(bought, {}, fit(bought))

    assert ([], []) == (list(derived.similar_to), list(derived.bought_with))


def test_an_empty_shop_derives_nothing() -> None:
    derived = derive(matrix(), {}, fit(matrix()))

    assert ([], [], [], [], 0) == (
        list(derived.bought_with),
        list(derived.similar_to),
        list(derived.popular),
        list(derived.popular_in),
        derived.at,
    )
    assert 0 == len(recent_buyers(matrix()))


def test_a_word_meets_the_category_that_it_means() -> None:
    categories = {"c1": "CHEESE", "c2": "FLUID MILK", "c3": "Wine"}

    assert [("t1", "c1", 1.0)] == match_tags({"t1": "cheeses", "t2": "motorcycles"}, categories)
    assert [("t3", "c2", 1.0)] == match_tags({"t3": "milk, fluid"}, categories)


def test_words_without_letters_mean_nothing() -> None:
    assert [] == match_tags({"t": "!!!", "u": "cheese"}, {"c": "---", "d": "&"})


class Graph:
    """A graph that fails as often as it is told to, and remembers what it was given."""

    def __init__(self, failures: int = 0, error: Exception | None = None) -> None:
        self.failures, self.error = failures, error or UnavailableError("away")
        self.given: list[tuple[str, Derived]] = []

    def interests(self, _shop: str, _kind: str) -> dict[str, str]:
        if self.failures:
            self.failures -= 1
            raise self.error
        return {}

    def fitted(self, _shop: str) -> None:
        """Know nothing of the shop yet."""

    def match(self, _shop: str, _matches: object) -> None:
        """Take the matches."""

    def purchases(self, _shop: str) -> PurchaseMatrix:
        return TWO

    def abouts(self, _shop: str) -> dict[str, list[str]]:
        return {}

    def refresh(self, shop: str, derived: Derived) -> None:
        self.nice = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        self.given.append((shop, derived))


def refreshed(graph: Graph, *shops: str) -> list[str]:
    refresher = Refresher(graph, FixedClock(datetime(2026, 11, 3, tzinfo=UTC)), 0.01)  # type: ignore[arg-type]
    refresher.start()
    for shop in shops:
        refresher.touch(shop)
    ends = time.monotonic() + 60  # seconds, on the busiest machine
    while len({shop for shop, _ in graph.given}) < len(set(shops)) and time.monotonic() < ends:
        time.sleep(0.01)
    refresher.stop()
    return sorted({shop for shop, _ in graph.given})


def test_every_touched_shop_is_refreshed() -> None:
    assert ["a", "b"] == refreshed(Graph(), "a", "b", "a")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a priority is of a whole process")
def test_a_refresh_goes_after_those_who_answer_where_cores_are_few() -> None:
    graph = Graph()
    assert ["a"] == refreshed(graph, "a")
    assert os.getpriority(os.PRIO_PROCESS, 0) < graph.nice


@pytest.mark.parametrize("failures", [1, 3])
def test_a_refresh_that_fails_is_tried_again(failures: int) -> None:
    assert ["a"] == refreshed(Graph(failures), "a")


def test_a_broken_refresh_does_not_end_the_others() -> None:
    graph = Graph(1, ZeroDivisionError("broken"))
    refresher = Refresher(graph, FixedClock(datetime(2026, 11, 3, tzinfo=UTC)), 0.01)  # type: ignore[arg-type]
    refresher._try("a")

    assert ["b"] == refreshed(graph, "b")


def test_a_refresher_stops_at_once_though_it_rests() -> None:
    refresher = Refresher(Graph(), FixedClock(datetime(2026, 11, 3, tzinfo=UTC)), 60.0)  # type: ignore[arg-type]
    refresher.start()
    refresher.touch("a")
    started = time.monotonic()
    refresher.stop()

    assert time.monotonic() - started < 5
