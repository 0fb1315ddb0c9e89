"""Reasons read as a person would write them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec import structs

from shared.knowledge.insight import Bought, Path, Product, Via
from shared.knowledge.reasons import Teller, buy_again

DAY = 86_400_000
AT = 1_793_700_000_000


def bought(*days: int) -> Bought:
    times = tuple(AT - day * DAY for day in days)
    return Bought(Product("p"), times, Decimal(1), Decimal(1), Decimal(0))


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (0, "today"),
        (1, "yesterday"),
        (3, "a few days ago"),
        (8, "about a week ago"),
        (14, "about two weeks ago"),
        (20, "about three weeks ago"),
        (30, "about a month ago"),
        (45, "about a month ago"),
        (60, "about 2 months ago"),
        (365, "about 12 months ago"),
        (730, "about 2 years ago"),
    ],
)
def test_how_long_ago_is_said_in_words(days: int, words: str) -> None:
    assert f"You bought it {words}" == buy_again(bought(days), AT)


def test_no_distance_in_time_is_bad_english() -> None:
    said = {buy_again(bought(days), AT) for days in range(3000)}

    assert not [words for words in said if " 1 " in words or " 0 " in words]


def test_repetition_is_counted_and_the_last_time_named() -> None:
    assert "You bought it three times, last yesterday" == buy_again(bought(30, 20, 1), AT)
    assert "You bought it 9 times, last today" == buy_again(bought(*range(8, -1, -1)), AT)


def test_what_came_later_is_not_told() -> None:
    assert "You bought it about a week ago" == buy_again(bought(8, -3), AT)


def test_a_purchase_without_a_known_time_is_a_while_ago() -> None:
    assert "You bought it a while ago" == buy_again(bought(), AT)


def tell(*paths: Path, product: Product | None = None, teller: Teller | None = None) -> str:
    return (teller or Teller()).why(product or Product("p", "Brie"), [(path.weight, path) for path in paths]).words


@pytest.mark.parametrize("via", list(Via))
@pytest.mark.parametrize("support", [0, 1, 2])
@pytest.mark.parametrize("source", ["", "Milk"])
def test_what_one_or_two_people_did_is_not_told(via: Via, support: int, source: str) -> None:
    known = Teller([habit("Milk", ("Food", "Cheese")), habit("Tea", ("Food",), times=9)])
    said = [
        tell(Path(via, 1, support, "x" if source else "", source), product=Product(f"p{n}", "Brie", ("Food", "Cheese")))
        for n in range(9)
    ] + [tell(Path(via, 1, support, "x" if source else "", source), teller=known)]

    assert all(said)
    assert not [
        one for one in said if {"people", "often", "popular", "baskets", "others"} & set(one.casefold().split())
    ]


def habit(id: str, categories: tuple[str, ...] = (), times: int = 3, **facts: str) -> Bought:
    return structs.replace(bought(*range(times)), product=Product(id, id, categories, **facts))


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (Path(Via.BOUGHT_WITH, 1, 3, "x", "FLUID MILK 1 GA"), "Because you buy Fluid milk, and people who do often"),
        (Path(Via.BOUGHT_WITH, 1, 2, "x", "FLUID MILK"), "Goes with Fluid milk, which you buy"),
        (Path(Via.INTEREST, 1, 3, "x", "CHEESE"), "Because you are interested in cheese"),
        (Path(Via.SIMILAR_USER, 1, 3, "ann", "Ann Smith"), "Three people who shop much like you buy it"),
        (Path(Via.POPULAR, 1, 3), "Popular in the shop right now"),
        (Path(Via.BOUGHT_WITH, 1, 3), "Often bought together with things that you buy"),
    ],
)
def test_a_discovery_says_where_it_comes_from_and_names_nobody(path: Path, words: str) -> None:
    said = tell(path)

    assert said.startswith(words)
    assert "Ann" not in said


def test_two_sources_are_both_named() -> None:
    said = tell(Path(Via.BOUGHT_WITH, 1, 3, "m", "Milk"), Path(Via.BOUGHT_WITH, 2, 3, "t", "Tea"))

    assert said == "Because you buy Tea and Milk, and people who do often pick this too"


def test_a_source_of_the_products_own_name_says_nothing() -> None:
    same, other = Path(Via.BOUGHT_WITH, 2, 3, "b", "BRIE 8 OZ"), Path(Via.BOUGHT_WITH, 1, 3, "t", "Tea")

    assert tell(same, other) == "Because you buy Tea, and people who do often pick this too"


def test_what_speaks_against_a_thing_is_no_reason_for_it() -> None:
    said = tell(Path(Via.BOUGHT_WITH, 1, 3, "m", "Milk"), Path(Via.BOUGHT_WITH, -0.5, 3, "t", "Tea"))

    assert "Tea" not in said


def test_what_adds_next_to_nothing_is_not_the_reason() -> None:
    said = tell(Path(Via.BOUGHT_WITH, 0.1, 3, "m", "Milk"), Path(Via.SIMILAR_USER, 1, 9))

    assert said == "Nine people who shop much like you buy it"


def test_a_slate_says_the_same_of_like_paths_in_other_words_as_long_as_there_are_any() -> None:
    teller = Teller()
    ways = (Path(Via.BOUGHT_WITH, 1, 3, "m", "Milk"), Path(Via.SIMILAR_USER, 1, 9), Path(Via.POPULAR, 1, 400))
    said = [tell(*ways, product=Product(f"p{n}"), teller=teller) for n in range(7)]

    assert len(set(said)) == 7
    assert tell(*ways, product=Product("p0"), teller=teller) == said[0]


def test_the_shelf_and_the_brand_that_a_person_knows_are_named() -> None:
    cheese = Product("b", "Brie", ("Food", "Cheese", "Brie"), brand="Alp")
    known = [habit("Gouda", ("Food", "Cheese", "Gouda"), brand="Alp"), habit("Tea", ("Drinks",), times=9)]
    teller, like = Teller(known), Path(Via.SIMILAR_USER, 1, 9)

    assert [tell(like, product=structs.replace(cheese, product_id=id), teller=teller) for id in "abc"] == [
        "You know Alp, and people whose baskets look like yours buy this of theirs",
        "You often buy from Cheese, and people whose baskets look like yours pick this there",
        "Nine people who shop much like you buy it",
    ]


@pytest.mark.parametrize(
    "known",
    [
        [habit("Gouda", ("Food", "Cheese"), times=2), habit("Tea", times=9)],  # no habit
        [habit("Gouda", ("Food", "Cheese"), times=5), habit("Tea", times=9)],  # most of what they buy
        [structs.replace(habit("Gouda", ("Food", "Cheese")), refunded=Decimal(1)), habit("Tea", times=9)],
    ],
)
def test_a_shelf_that_says_nothing_of_the_person_is_not_named(known: list[Bought]) -> None:
    said = tell(Path(Via.SIMILAR_USER, 1, 9), product=Product("b", "Brie", ("Food", "Cheese")), teller=Teller(known))

    assert said == "Nine people who shop much like you buy it"
