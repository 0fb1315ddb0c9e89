"""What an email says, how it is rendered, and what may not leave."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from msgspec import structs

from services.email.headers import headers, safe
from services.email.lint import lint
from services.email.model import Plan, Reader, Sender, plan, silence
from services.email.render import Rendered, render
from services.visionboard import words
from shared.errors import InvalidInputError, NotFoundError
from shared.knowledge.insight import Bought, Candidate, Insight, Parameters, Path, Product, Via
from shared.knowledge.reading_facts import product_of
from shared.knowledge.recommend import recommend
from shared.knowledge.rows import canonical_facts

DAY = 86_400_000
AT = 1_793_700_000_000
LINK = "https://tg.example/v1/unsubscribe/token"
PUBLIC = "https://tg.example"
NASTY = '<script>alert(1)</script> & "Co" {{ 7 * 7 }}'


def insight(*, personal: bool = True, name: str = "MILK", **facts: Any) -> Insight:
    milk = Product("p1", name, ("Food", "Dairy"), price=Decimal("1.20"), currency="EUR", popularity=3)
    others = [Product(f"q{n}", f"Thing {n}", ("Food", f"Shelf {n}"), popularity=n) for n in range(4)]
    bought = (Bought(milk, (AT - 3 * DAY,), Decimal(1), Decimal(1), Decimal(0)),) if personal else ()
    way = Path(Via.BOUGHT_WITH, 0.5, 3, "p1", name) if personal else Path(Via.POPULAR, 5.0, 5)
    base = Insight(
        "demo", "ann", AT, known=personal, traits={}, locale="en", consent=None, bought=bought, interests=(),
        reactions=(), candidates=tuple(Candidate(each, (way,)) for each in others), parameters=Parameters(),
        refreshed_at=AT,
    )  # fmt: skip
    return replace(base, **facts)


def planned(seen: Insight, sender: Sender | None = None, first_name: str = "", **options: Any) -> Plan:
    reader = Reader(LINK, PUBLIC, first_name)
    return plan(seen, recommend(seen), sender or Sender.of("my-shop", None), reader, **options)


def test_a_user_with_a_history_gets_both_slates() -> None:
    made = planned(insight())

    assert ("personalised", None, None) == (made.template, made.fallback, made.fallback_reason)
    assert ["Your regulars", "New to you"] == [section.title for section in made.sections]
    assert "My Shop" == made.sender.name


def test_no_two_products_of_one_name_stand_in_an_email() -> None:
    seen = insight()
    twice = tuple(
        structs.replace(each, product=structs.replace(each.product, name=name))
        for each, name in zip(seen.candidates, ("TEA", "TEA", "MILK", "RICE"), strict=True)
    )
    made = planned(replace(seen, candidates=twice))

    names = [card.name for section in made.sections for card in section.cards]
    assert sorted(names) == ["Milk", "Rice", "Tea"]


def test_an_unknown_user_gets_the_generic_email_and_it_says_so() -> None:
    made = planned(insight(personal=False), template="personalised")

    assert ("generic", "popular", "too-little-known") == (made.template, made.fallback, made.fallback_reason)


def test_a_template_that_cannot_be_served_is_replaced_with_a_reason() -> None:
    made = planned(insight(candidates=()), template="discover")

    assert ("buy-again", "buy-again", "too-little-known") == (made.template, made.fallback, made.fallback_reason)


def test_an_unknown_template_is_not_found() -> None:
    with pytest.raises(NotFoundError):
        planned(insight(), template="nope")


@pytest.mark.parametrize("locale", ["pt-BR", "de", "xx", "zz-ZZ", "tlh", None])
def test_any_locale_makes_a_price(locale: str | None) -> None:
    price = planned(insight(locale=locale)).sections[0].cards[0].price

    assert "1" in price
    assert "20" in price


@pytest.mark.parametrize(("amount", "shown"), [("0", ""), ("0.00", ""), ("0.01", "€0.01")])
def test_a_price_of_nothing_is_none(amount: str, shown: str) -> None:
    facts = canonical_facts({"name": ("1", "Tea"), "price": ("1", [amount, "EUR"])})
    tea = product_of({"id": "q9", "facts": facts, "popular": 1})
    seen = insight(personal=False, candidates=(Candidate(tea, (Path(Via.POPULAR, 5.0, 5),)),))

    assert shown == planned(seen).sections[0].cards[0].price
    assert (words.price(tea) or "") == shown


def test_silence_has_its_reasons() -> None:
    quiet = insight(consent=False)
    empty = insight(personal=False, candidates=())

    assert "suppressed" == getattr(silence(quiet, recommend(quiet), suppressed=True), "reason", None)
    assert "no-consent" == getattr(silence(quiet, recommend(quiet), suppressed=False), "reason", None)
    assert "nothing-to-say" == getattr(silence(empty, recommend(empty), suppressed=False), "reason", None)
    assert silence(insight(), recommend(insight()), suppressed=False) is None


def test_names_are_escaped_and_never_run() -> None:
    rendered = render(planned(insight(name=NASTY), Sender(name=NASTY), first_name=NASTY))

    assert "<script" not in rendered.html.lower()
    assert "{{ 7 * 7 }}" in unescape(rendered.html)
    assert "&lt;script&gt;" in rendered.html
    assert [] == lint(rendered, LINK, PUBLIC)


def test_the_same_plan_gives_the_same_bytes() -> None:
    assert render(planned(insight())) == render(planned(insight()))


@pytest.mark.parametrize("personal", [True, False])
def test_a_built_in_email_passes_the_lint(*, personal: bool) -> None:
    rendered = render(planned(insight(personal=personal)))

    assert [] == lint(rendered, LINK, PUBLIC)
    assert all(LINK in body for body in (rendered.html, rendered.text))


@pytest.mark.parametrize(
    ("html", "said"),
    [
        ("<script></script>", "scripts"),
        ('<p onclick="x()">x</p>', "scripts"),
        ('<form><input name="card"></form>', "scripts"),
        ('<iframe src="https://x.example"></iframe>', "scripts"),
        ("<svg><a></a></svg>", "scripts"),
        ('<meta http-equiv="refresh" content="0;url=https://x.example">', "scripts"),
        ("<style>@import 'https://x.example/a.css'</style>", "fetch"),
        ('<p style="background:url(http://x.example/a.png)">x</p>', "fetch"),
        ("<style>" + "p{color:#111}" * 2000 + "</style>", "styles must be under"),
        ('<a href="http://shop.example">x</a>', "absolute https"),
        ('<a href="http://127.0.0.1:8080/x">x</a>', "absolute https"),
        ('<a href="JaVa\tScript:alert(1)">x</a>', "absolute"),
        ('<a href="data:text/html,x">x</a>', "absolute"),
        ('<img alt="x" src="//x.example/a.png">', "absolute"),
        ('<img alt=" " src="https://x.example/a.png">', "alt text"),
        ('<img src="https://x.example/a.png">', "alt text"),
        ('<a href="javascript:alert(1)">x</a>', "absolute"),
        ('<a href="/here">x</a>', "absolute"),
        ('<a href="http://[broken">x</a>', "absolute"),
        ("{{ user }}", "left over"),
        ("x" * 90_000, "under 80 KB"),
    ],
)
def test_the_lint_finds_what_may_not_leave(html: str, said: str) -> None:
    found = lint(Rendered(f"{html}{LINK}", LINK), LINK, PUBLIC)

    assert [True] == [said in each.detail for each in found]


def test_plain_http_may_lead_to_this_machine_while_the_gateway_is_here() -> None:
    body = f'<a href="http://127.0.0.1:9/x">x</a><a href="http://other.example">y</a>{LINK}'

    assert 1 == len(lint(Rendered(body, LINK), LINK, "http://127.0.0.1:8080"))
    assert [] == lint(Rendered(body.replace("http://other", "https://other"), LINK), LINK, "http://localhost:8080")


def test_a_link_that_may_not_stand_in_an_email_costs_no_card() -> None:
    milk = insight().bought[0]
    odd = structs.replace(
        milk, product=structs.replace(milk.product, url="http://x.example/p1", image_url="http://x.example/p1.png")
    )
    made = planned(insight(bought=(odd,)), Sender(site_url="http://my.example"))
    card = made.sections[0].cards[0]

    assert ("https://my.example", "") == (card.url, card.image_url)
    assert [] == lint(render(made), LINK, PUBLIC)


def test_a_placeholder_is_told_from_a_name_with_braces() -> None:
    for name in ("{{", "a }} b", "{% raw %}"):
        assert [] == lint(render(planned(insight(name=name))), LINK, PUBLIC)


def test_the_lint_misses_no_missing_way_out() -> None:
    assert ["/html", "/text"] == [each.pointer for each in lint(Rendered("<p>", ""), LINK, PUBLIC)]


def test_nothing_becomes_another_header() -> None:
    attack = "Hi\r\nBcc: all@x.example\u2028X: 1 =?utf-8?q?x?="
    made = headers(replace(planned(insight(), Sender(name=attack)), subject=attack), "e1", "d" * 24)

    assert not [value for value in made.values() if any(bad in value for bad in ("\r", "\n", "\u2028", "=?"))]
    assert "List-Unsubscribe=One-Click" == made["List-Unsubscribe-Post"]
    assert f"<{LINK}>" == made["List-Unsubscribe"]
    assert "a b" == safe("a\0\tb")


@pytest.mark.parametrize("address", ["nobody", "a@b@c", "", "a b@c.d", "x@y.example\r\nBcc: z@y.example", "@", "<>"])
def test_a_shop_without_a_proper_address_is_told(address: str) -> None:
    with pytest.raises(InvalidInputError):
        headers(planned(insight(), Sender(from_address=address)), "e1", "d" * 24)
