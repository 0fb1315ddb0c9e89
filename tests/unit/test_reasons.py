"""Reasons read as a person would write them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from shared.knowledge.insight import Bought, Path, Product, Via
from shared.knowledge.reasons import SEVERAL, buy_again, discover

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


@pytest.mark.parametrize("via", list(Via))
@pytest.mark.parametrize("support", [0, 1, 2])
@pytest.mark.parametrize("source", ["", "Milk"])
def test_what_one_or_two_people_did_is_not_told(via: Via, support: int, source: str) -> None:
    said = discover(Path(via, 1, support, "x" if source else "", source))

    assert said
    assert not [word for word in ("people", "often", "popular", "baskets") if word in said.casefold()]


def test_reasons_differ_where_paths_do() -> None:
    ways = [Path(via, 1, support, "x", name) for via in Via for support in (1, 9) for name in ("Milk", "Tea")]
    said = {(path.via, path.support >= SEVERAL, path.source_name): discover(path) for path in ways}

    assert 4 == len({words for (via, *_), words in said.items() if via is Via.BOUGHT_WITH})
    assert 2 == len({words for (via, *_), words in said.items() if via is Via.SIMILAR_USER})
    assert not {w for (v, *_), w in said.items() if v is Via.INTEREST} & {
        w for (v, *_), w in said.items() if v is not Via.INTEREST
    }


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (Path(Via.BOUGHT_WITH, 1, 3, "x", "FLUID MILK"), "Because you buy Fluid milk, and people who do often"),
        (Path(Via.INTEREST, 1, 3, "x", "CHEESE"), "Because you are interested in cheese"),
        (Path(Via.SIMILAR_USER, 1, 3, "ann", "Ann Smith"), "People whose baskets look like yours"),
        (Path(Via.POPULAR, 1, 3), "Popular in the shop right now"),
        (Path(Via.BOUGHT_WITH, 1, 3, "x"), "Often bought together with things that you buy"),
    ],
)
def test_a_discovery_says_where_it_comes_from_and_names_nobody(path: Path, words: str) -> None:
    said = discover(path)

    assert said.startswith(words)
    assert "Ann" not in said
