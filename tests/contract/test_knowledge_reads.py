"""What every graph engine must answer when read: insights from any moment, of one shop, bounded, always the same."""

from __future__ import annotations

from decimal import Decimal

import pytest
from contract.graphs_ground import counted_as_filled
from contract.reads_ground import DERIVED, EVENTS, REFRESHED, bought, entry, told
from contract.walking_ground import leads_to

from shared.bus.port import Position
from shared.contracts.events import Kind
from shared.knowledge.hindsight import Hindsight
from shared.knowledge.insight import Parameters, Path, Via
from shared.knowledge.ladybug import LadybugKnowledge
from shared.knowledge.port import Derived
from shared.knowledge.projection import fold
from shared.knowledge.recommend import recommend


@pytest.fixture
def knowledge(open_engine):
    return told(open_engine())


def about(weight: float):
    """A weight times how lately its source was bought: seconds ago here."""
    return pytest.approx(weight, abs=1e-6)


def paths(insight) -> dict[str, tuple[Path, ...]]:
    return {one.product.product_id: one.paths for one in insight.candidates}


def test_an_insight_says_who_the_user_is_and_what_the_shop_was_fitted_to(knowledge):
    insight = knowledge.insight("s", "ann")
    assert (insight.known, insight.traits, insight.locale, insight.consent) == (True, {"household": 3}, "de", True)
    assert (insight.at, insight.refreshed_at, insight.parameters) == (5_000, REFRESHED, DERIVED.parameters)


def test_purchases_come_latest_first_with_gross_sums_and_what_was_taken_back(knowledge):
    milk, bread = knowledge.insight("s", "ann").bought
    assert (milk.product.title, milk.times, bread.product.title, bread.times) == (
        "Milk",
        (1_000, 3_000),
        "Bread",
        (1_000,),
    )
    assert (milk.quantity, milk.spend, milk.refunded, milk.kept) == (4, 6, 1, 0.75)
    assert (milk.product.popularity, milk.product.newcomers, milk.product.loyalty) == (2, 0.5, 1.5)


def test_an_earlier_moment_hides_purchases_interests_and_reactions_that_came_later(knowledge):
    insight = knowledge.insight("s", "ann", at=2_000)
    assert insight.at == 2_000
    assert [(one.product.product_id, one.times) for one in insight.bought] == [("bread", (1_000,)), ("milk", (1_000,))]
    assert [one.interest_id for one in insight.interests] == ["tag:hiking boots"]
    assert [one.product.product_id for one in insight.reactions] == ["cheese"]


def test_an_earlier_moment_counts_the_share_of_the_sums_that_had_happened(knowledge):
    milk = next(one for one in knowledge.insight("s", "ann", at=2_000).bought if one.product.product_id == "milk")
    assert (milk.quantity, milk.spend, milk.refunded) == (Decimal(2), Decimal(3), Decimal("0.5"))


def test_what_is_bought_later_is_a_candidate_before_that(knowledge):
    assert "milk" in paths(knowledge.insight("s", "ann", at=500))
    assert "milk" not in paths(knowledge.insight("s", "ann"))


def test_similar_users_purchases_that_came_later_lead_nowhere_yet(knowledge):
    def similar(at):
        return {
            id
            for id, some in paths(knowledge.insight("s", "ann", at)).items()
            if Via.SIMILAR_USER in {p.via for p in some}
        }

    assert (similar(2_500), similar(None)) == ({"cheese"}, {"cheese", "wine"})


def test_the_moment_is_capped_at_the_shops_last_event(knowledge):
    assert knowledge.insight("s", "ann", at=99_000) == knowledge.insight("s", "ann")


def test_candidates_are_what_was_not_bought_with_every_path_that_leads_there(knowledge):
    found = paths(knowledge.insight("s", "ann"))
    assert set(found) == {"cheese", "wine", "tent"}
    assert found["wine"] == (
        Path(Via.BOUGHT_WITH, about(0.4), 1, "bread", "Bread"),
        Path(Via.BOUGHT_WITH, about(-0.2), 1, "milk", "Milk"),
        Path(Via.SIMILAR_USER, 0.9, 1),
        Path(Via.POPULAR, 1.0, 1),
    )


def test_a_source_counts_less_the_longer_ago_it_was_bought(knowledge):
    month = 30 * 86_400_000
    knowledge.apply(fold([bought("p9", "bob", "tea", moment=month)]), [Position("log", "commerce.purchases.v1", 0, 1)])
    [path] = [p for p in paths(knowledge.insight("s", "ann"))["cheese"] if p.source_id == "bread"]
    assert path.weight == pytest.approx(0.5 * 2.718281828459045 ** (-30 / 150), abs=1e-6)


def test_what_was_wholly_taken_back_is_offered_as_new(knowledge):
    back = [{"product_id": "bread", "quantity": "2", "amount": "3"}]
    knowledge.apply(
        fold([entry(Kind.REFUND, "r9", currency="EUR", lines=back)]), [Position("log", "commerce.purchases.v1", 0, 1)]
    )
    assert Via.BOUGHT_WITH in {path.via for path in paths(knowledge.insight("s", "ann"))["bread"]}


@pytest.mark.parametrize("user", ["ann", "bob", "nobody"])
def test_hindsight_of_the_present_sees_what_the_graph_does(knowledge, user):
    baskets = {"ann": ["milk", "bread"], "bob": ["milk", "bread", "cheese", "wine"]}
    live, then = knowledge.insight("s", user), knowledge.insight("s", user, None, Hindsight.of(DERIVED, baskets))
    assert {id: some for id, some in paths(live).items() if id != "tent"} == {
        id: some for id, some in paths(then).items() if id != "tent"
    }
    assert (live.bought, live.parameters, live.refreshed_at) == (then.bought, then.parameters, then.refreshed_at)


@pytest.mark.parametrize("user", ["ann", "bob", "nobody"])
def test_an_insight_is_the_same_with_all_neighbours_at_hand(knowledge, user):
    assert knowledge.insight("s", user) == knowledge.insight("s", user, near=knowledge.near("s"))


def test_every_reasons_path_is_there_to_be_walked(knowledge):
    """From the user, over the edges that a reason names, to what is offered."""
    for user in ("ann", "bob", "nobody"):
        insight = knowledge.insight("s", user)
        offered = recommend(insight, 50).discover
        assert offered
        for item in offered:
            walked = leads_to(knowledge, user, item.path)
            assert item.product.product_id in walked, (user, item.product.product_id, item.path)
            assert item.reason


def test_a_stated_interest_leads_through_its_category_and_by_itself(knowledge):
    assert paths(knowledge.insight("s", "ann"))["tent"] == (
        Path(Via.INTEREST, 0.6, 1, "tag:hiking boots", "Hiking boots"),
        Path(Via.INTEREST, 0.5, 1, "tag:tents", "Tents"),
    )


def test_a_free_word_shows_the_path_of_the_category_it_was_matched_to(knowledge):
    boots, tents = knowledge.insight("s", "ann").interests
    assert (boots.matched, boots.stated, tents.matched) == (("Sport", "Camping"), Decimal("0.8"), ())


def test_what_was_returned_before_its_purchase_was_known_is_neither_bought_nor_offered(knowledge):
    for at in (None, 500):
        insight = knowledge.insight("s", "ann", at)
        ids = {one.product.product_id for one in insight.bought} | set(paths(insight))
        assert "gin" not in ids


def test_beyond_three_sources_the_others_are_one_path_of_their_sum(knowledge):
    sources = ("a", "b", "c", "d", "e")
    knowledge.apply(
        fold([bought("p9", "cat", *sources, moment=4_000)]), [Position("log", "commerce.purchases.v1", 0, 1)]
    )
    edges = [(source, "wine", 0.1 * number, 1) for number, source in enumerate(sources, start=1)]
    knowledge.refresh("s", Derived(edges, [], [], [], Parameters(), REFRESHED))
    assert paths(knowledge.insight("s", "cat"))["wine"] == (
        Path(Via.BOUGHT_WITH, about(0.5), 1, "e", "E"),
        Path(Via.BOUGHT_WITH, about(0.4), 1, "d", "D"),
        Path(Via.BOUGHT_WITH, about(0.3), 1, "c", "C"),
        Path(Via.BOUGHT_WITH, about(0.3), 2),
    )


def test_an_unknown_user_gets_what_is_popular(knowledge):
    insight = knowledge.insight("s", "nobody")
    assert (insight.known, insight.bought, insight.interests) == (False, (), ())
    assert [one.product.product_id for one in insight.candidates] == ["bread", "milk", "cheese", "wine"]


def test_an_unknown_shop_gives_an_empty_insight(knowledge):
    insight = knowledge.insight("nowhere", "ann")
    assert (insight.known, insight.at, insight.candidates, insight.parameters) == (False, 0, (), Parameters())


def test_a_shop_sees_nothing_of_another_with_the_same_user_ids(knowledge):
    mine, other = knowledge.insight("s", "ann"), knowledge.insight("other", "ann")
    assert [one.product.product_id for one in other.bought] == ["hammer"]
    assert (other.traits, other.interests, other.candidates, other.refreshed_at) == ({}, (), (), 0)
    assert "hammer" not in {one.product.product_id for one in mine.bought} | set(paths(mine))
    assert (knowledge.users("s"), knowledge.users("other")) == (["ann", "bob"], ["ann"])
    assert (knowledge.product("other", "milk"), knowledge.similar_users("other", "ann").neighbours) == (None, ())
    assert len(knowledge.neighbourhood("other", "user", "ann", depth=3).nodes) == 4  # ann, hammer, Grocery, Dairy


def test_the_same_graph_gives_the_same_insight_however_it_was_filled(knowledge, tmp_path):
    again = counted_as_filled(LadybugKnowledge(tmp_path / "again", memory_mb=256))
    for offset, event in enumerate(reversed(EVENTS)):
        again.apply(fold([event]), [Position("log", "commerce.purchases.v1", 0, offset)])
    again.refresh("s", DERIVED)
    again.match("s", [("tag:hiking boots", "category:sport/camping", 0.75)])
    for user in ("ann", "bob", "nobody"):
        assert repr(knowledge.insight("s", user)) == repr(again.insight("s", user))
    assert knowledge.neighbourhood("s", "user", "ann") == again.neighbourhood("s", "user", "ann")
    again.close()


def test_at_most_three_hundred_candidates_are_offered(knowledge):
    many = [f"n{number:03}" for number in range(350)]
    knowledge.apply(fold([bought("p9", "bob", *many, moment=4_000)]), [Position("log", "commerce.purchases.v1", 0, 1)])
    edges = [("milk", one, 0.1, 1) for one in many]
    popular = [(one, 1) for one in reversed(many)]
    knowledge.refresh("s", Derived(edges, DERIVED.similar_to, popular, [], Parameters(), REFRESHED))
    assert len(knowledge.insight("s", "ann").candidates) == 300


def test_a_profile_sums_up_a_user(knowledge):
    profile = knowledge.profile("s", "ann")
    assert (profile.first_at, profile.last_at, profile.products, profile.purchases) == (1_000, 3_000, 2, 3)
    assert profile.top_categories == (("Dairy", 1.0),)
    assert [one.name for one in profile.interests] == ["Hiking boots", "Tents"]
    assert knowledge.profile("s", "nobody") is None


def test_a_product_says_what_is_known_of_it(knowledge):
    milk, tent = knowledge.product("s", "milk"), knowledge.product("s", "tent")
    assert (milk.name, milk.categories, milk.price, milk.currency) == (
        "Milk",
        ("Grocery", "Dairy"),
        Decimal("1.5"),
        "EUR",
    )
    assert (milk.available, tent.available) == (True, False)


def test_similar_users_come_with_what_both_bought(knowledge):
    [bob] = knowledge.similar_users("s", "ann").neighbours
    assert (bob.id, bob.score, bob.support, bob.shared) == ("bob", 0.9, 2, ("Milk", "Bread"))


def test_similar_products_come_strongest_first_without_what_repels(knowledge):
    found = knowledge.similar_products("s", "milk", limit=2)
    assert [(one.id, one.score, one.shared) for one in found.neighbours] == [
        ("gin", 0.9, ()),
        ("bread", 0.7, ("Grocery", "Dairy")),
    ]
    assert knowledge.similar_products("s", "wine").neighbours == ()


def test_users_are_paged_in_order(knowledge):
    assert knowledge.users("s", limit=1) == ["ann"]
    assert knowledge.users("s", after="ann") == ["bob"]
