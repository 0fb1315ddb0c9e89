"""The projection: what events mean, whatever their order, and however they are split."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.bus.port import Position
from shared.contracts.events import Kind
from shared.history.port import Entry
from shared.knowledge.projection import (
    about,
    brand_id,
    category_id,
    complete,
    digest,
    fold,
    tag_id,
    uid,
)
from shared.knowledge.rows import (
    Digests,
    Facts,
    Interested,
    Link,
    Named,
    Purchased,
    Reacted,
    add,
    merge,
    read_facts,
)

_USERS = st.sampled_from(["u1", "u2"])
_PRODUCTS = st.sampled_from(["p1", "p2", "p3"])
_TIMES = st.integers(min_value=-5_000, max_value=5_000)
_NAMES = st.sampled_from(["Dairy", "dairy", "DAIRY", "Milk", "Straße", "strasse"])
_SCORES = st.sampled_from(["0", "0.25", "0.333", "1"])
_PATHS = st.lists(_NAMES, max_size=3)


def entry(ledger_kind: Kind, id: str, moment: int, /, **data) -> Entry:
    text = json.dumps(data).encode()
    return Entry("s", ledger_kind, id, "", Position("l", "t", 0, 0), data.get("user_id"), None, moment, "", text)


def line(product: str, **more) -> dict:
    return {"product_id": product, "quantity": "1.5", "unit_price": "0.99"} | more


@st.composite
def _events(draw):
    name_of_event, moment = f"e{draw(st.integers(0, 10_000))}", draw(_TIMES)
    user, product, name = draw(_USERS), draw(_PRODUCTS), draw(_NAMES)
    match draw(st.sampled_from(list(Kind))):
        case Kind.PURCHASE:
            lines = [
                line(draw(_PRODUCTS), name=draw(_NAMES), categories=draw(_PATHS)),
                line(product, unit_price=draw(st.sampled_from(["1", "2"]))),
            ]
            return entry(Kind.PURCHASE, name_of_event, moment, user_id=user, currency="EUR", lines=lines)
        case Kind.REFUND:
            lines = [{"product_id": product, "quantity": "1", "amount": "0.5"}]
            return entry(Kind.REFUND, name_of_event, moment, user_id=user, currency="EUR", lines=lines)
        case Kind.INTEREST:
            kind = draw(st.sampled_from(["stated", "viewed", "wished", "rated", "dismissed"]))
            what = draw(st.sampled_from([{"name": name}, {"product_id": product}]))
            return entry(Kind.INTEREST, name_of_event, moment, user_id=user, kind=kind, score=draw(_SCORES), **what)
        case Kind.PRODUCT:
            facts = {"name": name, "categories": draw(_PATHS), "brand": draw(_NAMES), "tags": [draw(_NAMES)]}
            kept = draw(st.sets(st.sampled_from(sorted(facts))))
            return entry(
                Kind.PRODUCT, name_of_event, moment, product_id=product, **{field: facts[field] for field in kept}
            )
        case Kind.USER:
            return entry(Kind.USER, name_of_event, moment, user_id=user, traits={name: draw(st.integers(0, 3))})
        case _:
            return entry(Kind.ERASURE, name_of_event, moment, user_id=user)


@given(st.data())
def test_shuffled_and_split_events_end_in_the_same_digest_as_one_clean_run(data):
    events = data.draw(st.lists(_events(), max_size=25))
    clean = digest(complete(fold(events)))
    shuffled = data.draw(st.permutations(events))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(events)), max_size=4)))
    grown: dict = {}
    for start, end in zip([0, *cuts], [*cuts, len(events)], strict=True):
        add(grown, fold(shuffled[start:end]).items())
    assert clean == digest(complete(grown))


@given(st.lists(_events(), min_size=3, max_size=3))
def test_merging_is_associative_and_commutative(events):
    one, two, three = (fold([event]) for event in events)
    for key in one.keys() & two.keys() & three.keys():
        left = merge(merge(one[key], two[key]), three[key])
        assert left == merge(one[key], merge(two[key], three[key]))
        assert merge(one[key], two[key]) == merge(two[key], one[key])


@given(st.lists(_events(), max_size=15))
def test_a_digest_does_not_depend_on_the_order_of_rows(events):
    rows = list(complete(fold(events)))
    assert digest(rows) == digest(reversed(rows))
    digests = Digests()
    list(digests.over(rows))
    assert ({"s": digest(rows)} if rows else {}) == digests.by_shop()


def test_a_purchase_counted_twice_changes_the_digest():
    event = entry(Kind.PURCHASE, "p", 1, user_id="u", currency="EUR", lines=[line("p1")])
    assert digest(complete(fold([event]))) != digest(complete(fold([event, event])))


def test_the_same_product_on_two_lines_counts_two_times():
    event = entry(Kind.PURCHASE, "p", 7, user_id="u", currency="EUR", lines=[line("p1"), line("p1")])
    assert Purchased((7, 7), 3_000, 296, 0, 0, "EUR") == fold([event])["purchased", "s", "u", "p1"]


def test_what_the_catalogue_says_outranks_a_later_purchase_line():
    catalogue = entry(Kind.PRODUCT, "c", 1, product_id="p1", name="Oat milk")
    bought = entry(Kind.PURCHASE, "p", 9, user_id="u", currency="EUR", lines=[line("p1", name="OATMLK 1L")])
    facts = fold([catalogue, bought])["product", "s", "p1"]
    assert (facts.value("name"), facts.value("price")) == ("Oat milk", ["0.99", "EUR"])


def test_a_field_left_out_keeps_what_was_known():
    first = entry(Kind.PRODUCT, "c1", 1, product_id="p1", name="Milk", brand="Acme")
    second = entry(Kind.PRODUCT, "c2", 2, product_id="p1", name="Oat milk")
    facts = fold([second, first])["product", "s", "p1"]
    assert (facts.value("name"), facts.value("brand")) == ("Oat milk", "Acme")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("viewed", Reacted(views=1, viewed_at=5)),
        ("wished", Reacted(wished_at=5)),
        ("stated", Reacted(wished_at=5)),
        ("rated", Reacted(rating=250, rating_stamp="1|0000000000000005|i")),
        ("dismissed", Reacted(dismissed_at=5)),
    ],
)
def test_an_interest_in_a_product_is_a_reaction_to_it(kind, expected):
    event = entry(Kind.INTEREST, "i", 5, user_id="u", kind=kind, product_id="p1", score="0.25")
    assert expected == fold([event])["reacted", "s", "u", "p1"]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("stated", Interested(250, "1|0000000000000005|i", 0, 5)),
        ("viewed", Interested(-1, "", 250, 5)),
        ("dismissed", Interested(0, "1|0000000000000005|i", 0, 5)),
    ],
)
def test_an_interest_in_words_is_a_tag_until_it_is_matched(kind, expected):
    event = entry(Kind.INTEREST, "i", 5, user_id="u", kind=kind, name=" Hiking  Boots", score="0.25")
    assert expected == fold([event])["interested", "s", "u", "tag:hiking boots"]


def test_a_category_path_makes_a_tree_of_interests():
    event = entry(Kind.PRODUCT, "c", 1, product_id="p1", categories=["Meat/Fish", "Cod"])
    delta = fold([event])
    assert Named("category", "Meat/Fish") == delta["interest", "s", "category:meat%2ffish"]
    assert Link() == delta["within", "s", "category:meat%2ffish/cod", "category:meat%2ffish"]
    assert {"category:meat%2ffish", "category:meat%2ffish/cod"} == about(delta["product", "s", "p1"])


def test_two_spellings_are_one_interest_with_one_name():
    events = [entry(Kind.PRODUCT, f"c{i}", i, product_id="p1", brand=name) for i, name in enumerate(["acme", "ACME"])]
    assert Named("brand", "ACME") == fold(events)["interest", "s", "brand:acme"]


def test_contact_data_never_reaches_the_graph():
    event = entry(Kind.USER, "e", 1, user_id="u", contact={"email": "ann@example.org"}, locale="de")
    assert "ann@example.org" not in str(fold([event]))


def test_ids_of_interests_and_nodes_are_stable():
    assert (
        category_id(("A", "b")),
        brand_id("ACME"),
        tag_id("Oat  Milk"),
    ) == ("category:a/b", "brand:acme", "tag:oat milk")
    assert len({uid("user", "s", "x"), uid("product", "s", "x"), uid("user", "t", "x"), uid("user", "s", "y")}) == len(
        "four"
    )


def test_damaged_facts_are_told_as_such():
    assert Facts({"unreadable": ("", "x{")}) == read_facts("x{")
