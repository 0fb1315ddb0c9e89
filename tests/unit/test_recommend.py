"""What is offered, in which order, and why: decided from the insight alone."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from shared.knowledge.insight import Bought, Candidate, Insight, Parameters, Path, Product, Reaction, Via
from shared.knowledge.recommend import fading, recommend

DAY = 86_400_000
AT = 1_793_700_000_000


def bought(id: str, *days: int, refunded: int = 0, **facts: Any) -> Bought:
    times = tuple(sorted(AT - day * DAY for day in days))
    return Bought(Product(id, **facts), times, Decimal(len(days)), Decimal(1), Decimal(refunded))


def candidate(id: str, *paths: Path, **facts: Any) -> Candidate:
    return Candidate(Product(id, **facts), paths)


def insight(**facts: Any) -> Insight:
    base = Insight(
        "demo", "ann", AT, known=True, traits={"vip": True}, locale=None, consent=None, bought=(), interests=(),
        reactions=(), candidates=(), parameters=Parameters(), refreshed_at=AT,
    )  # fmt: skip
    return replace(base, **facts)


def ids(items: Any) -> list[str]:
    return [item.product.product_id for item in items]


def popular(buyers: float) -> Path:
    return Path(Via.POPULAR, buyers, int(buyers))


def test_what_is_bought_often_and_lately_comes_first() -> None:
    seen = insight(bought=(bought("once", 5), bought("often", 5, 12, 19), bought("long-ago", 700)))

    assert ["often", "once", "long-ago"] == ids(recommend(seen).buy_again)


def test_who_seldom_comes_forgets_less_where_visits_count() -> None:
    """Tea was bought at the visit before the last; cake twice, long ago in visits, though not in days."""
    others = [bought(f"o{day}", day) for day in range(1, 60)]
    seen = insight(bought=(bought("tea", 1), bought("cake", 60, 61), *others))
    by_visits = replace(seen, parameters=Parameters(visit_share=9.0))

    assert ["cake"] == ids(recommend(seen, 1).buy_again)
    assert "cake" != ids(recommend(by_visits, 1).buy_again)[0]


def test_ties_go_by_popularity_and_then_by_id() -> None:
    seen = insight(bought=(bought("b", 5), bought("a", 5), bought("c", 5, popularity=9)))

    assert ["c", "a", "b"] == ids(recommend(seen).buy_again)


def test_what_was_taken_back_is_not_offered_again() -> None:
    seen = insight(bought=(bought("kept", 5), bought("back", 5, refunded=1), bought("half", 5, 5, refunded=1)))

    assert ["half", "kept"] == sorted(ids(recommend(seen).buy_again))


def test_a_refund_without_a_purchase_offers_nothing() -> None:
    assert () == recommend(insight(bought=(bought("p", refunded=1),))).buy_again


def test_dismissed_and_unavailable_things_are_not_offered() -> None:
    way = Path(Via.BOUGHT_WITH, 0.5, 3, "x", "X")
    seen = insight(
        bought=(bought("gone", 3, available=False), bought("no", 3)),
        candidates=(candidate("off", way, available=False), candidate("never", way), candidate("yes", way)),
        reactions=tuple(Reaction(Product(id), dismissed_at=AT) for id in ("no", "never")),
    )
    made = recommend(seen)

    assert ([], ["yes"]) == (ids(made.buy_again), ids(made.discover))


def test_a_path_counts_by_how_much_its_source_matters_now() -> None:
    seen = insight(
        bought=(bought("fresh", 1, 8, 15), bought("stale", 600)),
        candidates=(
            candidate("beside-stale", Path(Via.BOUGHT_WITH, 0.5, 5, "stale", "S")),
            candidate("beside-fresh", Path(Via.BOUGHT_WITH, 0.5, 5, "fresh", "F")),
        ),
    )

    assert ["beside-fresh", "beside-stale"] == ids(recommend(seen).discover)


def test_what_speaks_against_a_thing_outweighs() -> None:
    against = candidate("rarely-together", Path(Via.BOUGHT_WITH, -0.5, 5, "x", "X"))

    assert () == recommend(insight(candidates=(against,))).discover


def test_a_crowd_does_not_drown_what_is_personal() -> None:
    seen = insight(
        bought=(bought("x", 1, 5),),
        candidates=(
            candidate("loved-by-all", popular(5000)),
            candidate("near", Path(Via.BOUGHT_WITH, 0.3, 40, "x", "X"), popular(10)),
        ),
    )
    made = recommend(seen)

    assert "near" == ids(made.discover)[0]
    assert "Because you buy X" in made.discover[0].reason


def test_popular_things_are_ranked_by_their_buyers() -> None:
    seen = insight(known=False, candidates=tuple(candidate(f"p{n}", popular(n)) for n in (1, 3, 2)))
    made = recommend(seen)

    assert (["p3", "p2", "p1"], "popular") == (ids(made.discover), made.served_by)


def test_no_narrow_category_takes_over() -> None:
    crowd = tuple(candidate(f"c{n}", popular(9 + n), categories=("Food", "Chips")) for n in range(5))
    seen = insight(candidates=(*crowd, candidate("d", popular(1), categories=("Food", "Dips"))))

    assert ["c4", "c3", "d", "c2", "c1"] == ids(recommend(seen).discover)


def test_five_sizes_of_one_thing_are_never_offered_together() -> None:
    sizes = tuple(candidate(f"s{n}", popular(9 + n), name=f"Oat drink {n} l") for n in range(5))
    seen = insight(candidates=(*sizes, candidate("d", popular(1), name="Tea")))

    assert ["s4", "s3", "d", "s2", "s1"] == ids(recommend(seen).discover)


def test_of_one_name_one_is_offered_before_what_is_different() -> None:
    twins = candidate("t0", popular(9), name="CHEESE   8 OZ"), candidate("t1", popular(10), name="Cheese 8 oz")
    seen = insight(candidates=(*twins, candidate("d", popular(1), name="Tea")))

    assert ["t1", "d", "t0"] == ids(recommend(seen).discover)


def test_what_is_called_like_something_to_buy_again_is_no_discovery_while_there_is_another() -> None:
    namesake, other = candidate("t", popular(9), name="CHEESE 8 OZ"), candidate("d", popular(1), name="Tea")
    seen = insight(bought=(bought("c", 5, name="Cheese 8 oz"),), candidates=(namesake, other))

    assert ["d", "t"] == ids(recommend(seen).discover)
    assert ["t", "d"] == ids(recommend(replace(seen, bought=())).discover)


def test_colours_of_one_thing_stand_back_too() -> None:
    colours = ("red", "pink", "blue", "green", "white", "black")
    bags = tuple(
        candidate(f"b{n}", popular(90 + n), name=f"Jumbo shopping bag {colour} spots")
        for n, colour in enumerate(colours)
    )
    others = (candidate("c", popular(3), name="Cake stand 3 tier"), candidate("t", popular(2), name="Jumbo tea pot"))
    found = ids(recommend(insight(candidates=(*bags, *others))).discover)

    assert ["b5", "b4", "c", "t"] == found[:4]
    assert 4 == len([id for id in found if id.startswith("b")])


@pytest.mark.parametrize("name", ["Item {}", "Body care of our own make, no. {}"])
def test_numbers_tell_products_apart_where_all_are_called_alike_but_for_them(name: str) -> None:
    many = tuple(candidate(f"m{n:02}", popular(99 - n), name=name.format(n)) for n in range(25))

    assert [f"m{n:02}" for n in range(10)] == ids(recommend(insight(candidates=many)).discover)


def test_a_broad_category_limits_nothing_where_products_have_no_other_name() -> None:
    facts = {"name": "Beauty", "categories": ("Beauty",)}
    many = tuple(candidate(f"m{n:02}", popular(99 - n), **facts) for n in range(10))

    assert [f"m{n:02}" for n in range(10)] == ids(recommend(insight(candidates=many)).discover)


def test_a_broad_category_limits_nothing() -> None:
    many = tuple(candidate(f"m{n:02}", popular(99 - n), categories=("Beauty",)) for n in range(10))

    assert [f"m{n:02}" for n in range(10)] == ids(recommend(insight(candidates=many)).discover)


@pytest.mark.parametrize(
    ("facts", "served_by"),
    [
        ({}, "nothing"),
        ({"candidates": (candidate("p", popular(3)),)}, "popular"),
        ({"candidates": (candidate("p", Path(Via.INTEREST, 0.5, 3, "i", "cheese")),)}, "stated-interests"),
        ({"candidates": (candidate("p", Path(Via.SIMILAR_USER, 0.5, 3)),)}, "personal"),
        ({"bought": (bought("p", 1),)}, "personal"),
    ],
)
def test_what_served_is_named(facts: dict[str, Any], served_by: str) -> None:
    assert served_by == recommend(insight(**facts)).served_by


def test_the_top_begins_with_repetitions_and_holds_nothing_twice() -> None:
    offered = tuple(candidate(f"p{n}", popular(n + 1), popularity=n + 1) for n in range(20))
    made = recommend(insight(bought=(bought("x", 2, popularity=50),), candidates=offered))

    assert "x" == ids(made.top)[0]
    assert 10 == len(set(ids(made.top))) == len(made.top)


@pytest.mark.parametrize("among_top", [0.0, 0.5, 2.0])
def test_few_are_the_first_of_many(among_top: float) -> None:
    """Alike things come in runs, with equal scores in pairs, so that some stand back before enough is found."""
    shelves = [("Food", f"shelf {n // 5}") for n in range(60)]
    ways = [(Path(Via.BOUGHT_WITH, 0.9 - n // 2 / 100, 3, "x", "X"),) for n in range(60)]
    new = [candidate(f"n{n:02}", *ways[n], categories=shelves[n]) for n in range(60)]
    again = [bought(f"b{n}", *range(n + 1, n + 4)) for n in range(20)]
    seen = insight(bought=tuple(again), candidates=tuple(new), parameters=Parameters(new_among_top=among_top))
    many = recommend(seen, 25)

    for limit in range(1, 25):
        few = recommend(seen, limit)
        for slate in ("buy_again", "discover", "top"):
            assert ids(getattr(many, slate))[:limit] == ids(getattr(few, slate))


def test_equal_insights_give_one_decision_and_other_ones_another() -> None:
    seen = insight(bought=(bought("x", 2),))

    assert recommend(seen) == recommend(insight(bought=(bought("x", 2),)))
    assert recommend(seen).decision_id != recommend(replace(seen, at=AT + 1)).decision_id


def test_an_item_is_plain_json_and_says_why() -> None:
    facts = {"name": "MILK", "price": Decimal("1.20"), "currency": "EUR"}
    item = recommend(insight(bought=(bought("x", 2, **facts),))).buy_again[0].as_json()

    assert item == json.loads(json.dumps(item))
    assert ("Milk", "1.20", "You bought it a few days ago") == (item["name"], item["price"], item["reason"])
    assert {"repetition", "popularity", "loyalty"} == set(item["parts"])


def test_repetition_fades_and_ignores_the_future() -> None:
    faded = fading([AT - 150 * DAY, AT], AT, Parameters(decay_days=150))
    assert {AT - 150 * DAY: 0.3679, AT: 1.0} == {time: round(counts, 4) for time, counts in faded.items()}
    now, foreseen = (recommend(insight(bought=(each,))).buy_again[0] for each in (bought("x", 5), bought("x", 5, -9)))
    assert now.parts == foreseen.parts
