"""People whose baskets are alike are found together, under names that depend on nothing but who they are."""

from __future__ import annotations

import numpy as np
import pytest

from services.graph.communities import communities
from services.graph.neighbours import user_neighbours
from services.graph.signals import incidence
from shared.knowledge.communities import said
from shared.knowledge.insight import Typical
from shared.knowledge.port import Communities, PurchaseMatrix


def matrix(lines: list[tuple[str, str]]) -> PurchaseMatrix:
    users, products = sorted({u for u, _ in lines}), sorted({p for _, p in lines})
    ends = ([users.index(u) for u, _ in lines], [products.index(p) for _, p in lines])
    return PurchaseMatrix(users, products, *map(np.array, ends), np.arange(len(lines)))


def tastes(people: int, *, products: int = 12, of: int = 8) -> list[tuple[str, str]]:
    """Some people of each of three tastes; everyone buys milk, too."""
    rng = np.random.default_rng(3)
    own = [
        (f"{taste}{one:02}", f"{taste}-{product:02}")
        for taste in ("tea", "tool", "toy")
        for one in range(people)
        for product in rng.choice(products, of, replace=False)
    ]
    return [*own, *((user, "milk") for user in sorted({user for user, _ in own}))]


def found(lines: list[tuple[str, str]]) -> Communities:
    purchases = matrix(lines)
    return communities(purchases, user_neighbours(incidence(purchases), purchases.users))


def groups(some: Communities) -> set[frozenset[str]]:
    ids = {id for _, id in some.members}
    return {frozenset(user for user, of in some.members if of == id) for id in ids}


def test_people_of_one_taste_belong_together() -> None:
    some = found(tastes(20))

    assert {frozenset(f"{taste}{one:02}" for one in range(20)) for taste in ("tea", "tool", "toy")} == groups(some)


def test_what_everybody_buys_is_typical_of_nobody() -> None:
    some = found(tastes(20))
    taste_of = {id: user.rstrip("0123456789") for user, id in some.members}

    first = [(taste_of[id], product) for id, product, place, *_ in some.typical if place < 10]
    assert 30 == len(first)
    assert all(product.startswith(f"{taste}-") for taste, product in first)
    assert all(lift > 1.0 for _, product, _, _, lift in some.typical if product != "milk")


def test_the_same_baskets_give_the_same_communities_in_whatever_order_they_are_told() -> None:
    lines = tastes(20)
    purchases = matrix(lines)
    similar = user_neighbours(incidence(purchases), purchases.users)

    assert communities(purchases, similar) == communities(purchases, similar[::-1])


def test_who_comes_to_one_taste_leaves_the_names_of_the_others_as_they_were() -> None:
    before = found(tastes(20))
    after = found([*tastes(20), *(("newcomer", f"tea-{n:02}") for n in range(9))])

    assert 2 == len({id for _, id in before.members} & {id for _, id in after.members})


@pytest.mark.parametrize(
    "lines", [[("ann", "tea")], [("ann", "tea"), ("bob", "tea")], [("ann", "tea"), ("bob", "toy")]]
)
def test_one_or_two_people_are_no_community(lines: list[tuple[str, str]]) -> None:
    assert Communities([], []) == found(lines)


def test_what_only_one_or_two_members_bought_is_not_told() -> None:
    lines = [("ann", "tea"), ("bob", "tea"), ("cid", "tea"), ("ann", "gift"), ("bob", "gift")]

    assert ["tea"] == [product for _, product, *_ in found(lines).typical]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["Green tea", "Honey", "Mugs", "Milk"], "People who buy Green tea, Honey and Mugs"),
        (["Green tea 100 g", "Green tea 200 g", "Honey"], "People who buy Green tea and Honey"),
        (["Honey"], "People who buy Honey"),
        ([], "People whose baskets are alike"),
    ],
)
def test_a_community_is_called_by_what_its_members_buy(names: list[str], words: str) -> None:
    assert words == said([Typical(name, name, 3, 1.0) for name in names])
