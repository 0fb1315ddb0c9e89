"""Why an email comes now, in the reader's language, in the direction that it runs, and calm in the dark."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from services.email.lint import lint
from services.email.model import Plan, Reader, Sender, plan
from services.email.render import render
from services.email.wording import LANGUAGES, copy_for
from shared.knowledge.insight import Bought, Candidate, Insight, Parameters, Path, Product, Via
from shared.knowledge.recommend import recommend

DAY = 86_400_000
AT = 1_793_700_000_000
READER = Reader("https://tg.example/u", "https://tg.example")


def insight(*days: int, way: Path | None = None, locale: str | None = "en", name: str = "MILK 1 GAL") -> Insight:
    """Milk bought so many days ago, bread once; and tea to discover."""
    milk, bread = Product("p1", name, ("Dairy",)), Product("p2", "Bread", ("Bakery",))
    bought = [Bought(bread, (AT - DAY,), Decimal(1), Decimal(1), Decimal(0))] if days else []
    if days:
        times = tuple(AT - each * DAY for each in sorted(days, reverse=True))
        bought.append(Bought(milk, times, Decimal(len(days)), Decimal(1), Decimal(0)))
    found = (Candidate(Product("q1", "Green tea", ("Drinks",)), (way or Path(Via.BOUGHT_WITH, 0.5, 3, "p1", name),)),)
    return Insight(
        "demo", "ann", AT, known=bool(days), traits={}, locale=locale, consent=None, bought=tuple(bought),
        interests=(), reactions=(), candidates=found, parameters=Parameters(), refreshed_at=AT,
    )  # fmt: skip


def planned(seen: Insight, **options: Any) -> Plan:
    return plan(seen, recommend(seen), Sender(name="My Shop"), READER, **options)


def test_the_headline_names_the_product_that_is_due_and_shows_it_first() -> None:
    made = planned(insight(7, 14, 21))

    assert "It is about time for Milk" == made.headline
    assert "You buy it about every week; the last time was about a week ago." in made.lead
    assert "Milk 1 gal" == made.sections[0].cards[0].name


@pytest.mark.parametrize("days", [(1, 8, 15), (40, 47, 54), (7, 14)])
def test_what_is_not_due_is_not_said_to_be(days: tuple[int, ...]) -> None:
    assert "about time" not in planned(insight(*days)).headline


def test_discoveries_say_what_they_follow_from() -> None:
    liked = Path(Via.INTEREST, 1.0, 1, "i1", "Tea")

    assert "Because you buy Milk" == planned(insight(7), template="discover").headline
    assert "Because you like Tea" == planned(insight(7, way=liked), template="discover").headline
    assert "Because you like Tea" == planned(insight(way=liked)).headline
    assert "Loved at My Shop right now" == planned(insight(way=Path(Via.POPULAR, 5.0, 5))).headline


def test_a_german_reader_is_told_in_german_throughout() -> None:
    made = planned(insight(7, 14, 21, locale="de-AT"))
    text = render(made).text

    assert ("de", "Es wird wieder Zeit für Milk") == (made.language, made.headline)
    assert "Sie haben es 3-mal gekauft, zuletzt vor etwa einer Woche." in text
    assert "Weil Sie Milk 1 gal kaufen" in text
    assert "Abmelden: https://tg.example/u" in text
    assert "you" not in text.lower().split()


@pytest.mark.parametrize("locale", LANGUAGES)
@pytest.mark.parametrize("support", [1, 2])
@pytest.mark.parametrize("via", list(Via))
def test_what_one_or_two_people_did_is_told_in_no_language(via: Via, support: int, locale: str) -> None:
    text = render(
        planned(insight(7, locale=locale, way=Path(via, 1.0, support, "p1", "Milk")), template="discover")
    ).text

    assert not {"people", "often", "popular", "oft", "wer", "menschen", "beliebt"} & set(text.casefold().split())


def test_every_language_says_the_same_things() -> None:
    def shape(value: Any) -> Any:
        return {name: shape(each) for name, each in value.items()} if isinstance(value, dict) else type(value)

    first, *others = ({**copy_for(each), "reasons": {}} for each in LANGUAGES)
    assert [shape(first)] * len(others) == [shape(each) for each in others]
    assert "en" == copy_for("pt-BR")["language"] == copy_for(None)["language"]


@pytest.mark.parametrize(
    ("locale", "name", "direction"),
    [("ar-EG", "Milk", "rtl"), ("he", "Milk", "rtl"), ("en", "حليب كامل الدسم طازج", "ltr"),
     (None, "حليب كامل الدسم طازج من المزرعة", "rtl"), (None, "Milk", "ltr")],
)  # fmt: skip
def test_the_page_runs_as_its_reader_reads(locale: str | None, name: str, direction: str) -> None:
    rendered = render(planned(insight(7, locale=locale, name=name)))

    assert f'dir="{direction}"' in rendered.html.split(">", 2)[1]
    assert [] == lint(rendered, READER.unsubscribe_url, READER.public_url)


def test_the_email_is_calm_in_the_dark() -> None:
    html = render(planned(insight(7))).html

    assert '<meta name="color-scheme" content="light dark">' in html
    assert "@media (prefers-color-scheme: dark)" in html


def test_the_same_products_make_the_same_bytes_in_every_language() -> None:
    for locale in (*LANGUAGES, "ar"):
        seen = insight(7, 14, 21, locale=locale)
        assert render(planned(seen)) == render(planned(replace(seen)))
