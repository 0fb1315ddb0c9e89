"""What every graph engine must keep of communities: who is in which, and what is typical; nothing of other shops."""

from __future__ import annotations

from dataclasses import replace

import pytest
from contract.graphs_ground import bought, counted_as_filled

from services.graph.similarity import Refresher
from shared.bus.port import Position
from shared.clock import SystemClock
from shared.knowledge.insight import Parameters, Typical
from shared.knowledge.ladybug import LadybugKnowledge
from shared.knowledge.port import Communities, Derived
from shared.knowledge.projection import fold

DAY = 86_400_000
TASTES = {"tea": ("tea", "honey", "mug"), "tool": ("hammer", "nails", "saw")}


def people(taste: str, count: int = 6) -> list[str]:
    return [f"{taste}-{one}" for one in range(count)]


def purchases(shop: str = "s"):
    return [
        bought(f"{shop}-{user}-{day}", user, *TASTES[taste], moment=day * DAY, shop=shop)
        for taste in TASTES
        for user in people(taste)
        for day in (1, 2)
    ]


def filled(knowledge, *more):
    knowledge.apply(fold([*purchases(), *more]), [Position("log", "commerce.purchases.v1", 0, 0)])
    Refresher(knowledge, SystemClock(), 0.0).refresh("s")
    return knowledge


@pytest.fixture
def knowledge(open_engine):
    return filled(open_engine())


def members(knowledge) -> list[list[str]]:
    return sorted(knowledge.members("s", one.id, limit=100) for one in knowledge.communities("s"))


def test_a_refresh_finds_who_belongs_together_and_what_is_typical_of_them(knowledge):
    assert [people("tea"), people("tool")] == members(knowledge)
    for one in knowledge.communities("s"):
        taste = knowledge.members("s", one.id)[0].partition("-")[0]
        assert 6 == one.members
        assert {each.product_id for each in one.products} == set(TASTES[taste])
        assert {(each.buyers, each.lift) for each in one.products} == {(6, 2.0)}
        assert one == knowledge.community("s", one.id)


def test_the_same_purchases_make_the_same_communities_on_every_engine(knowledge, tmp_path):
    other = filled(counted_as_filled(LadybugKnowledge(tmp_path / "again", memory_mb=256)))
    assert knowledge.communities("s") == other.communities("s")
    other.close()


def test_members_are_given_in_order_a_page_at_a_time(knowledge):
    id = knowledge.communities("s")[0].id
    first = knowledge.members("s", id, limit=4)
    assert knowledge.members("s", id) == first + knowledge.members("s", id, after=first[-1], limit=4)
    assert [] == knowledge.members("s", id, after="zzz")


def test_what_is_unknown_has_nobody_and_another_shop_sees_nothing(knowledge):
    id = knowledge.communities("s")[0].id
    assert ((), None, []) == (
        knowledge.communities("other"),
        knowledge.community("other", id),
        knowledge.members("other", id),
    )
    assert (None, []) == (knowledge.community("s", "nothing"), knowledge.members("s", "nothing"))


def derived(found: Communities) -> Derived:
    return Derived([], [], [], [], Parameters(), 2 * DAY, communities=found)


def test_who_changes_over_is_in_the_new_one_alone_and_what_is_empty_goes(knowledge):
    knowledge.refresh("s", derived(Communities([(user, "new") for user in people("tea")], [("new", "saw", 0, 6, 1.5)])))
    [one] = knowledge.communities("s")
    assert ("new", 6, (Typical("saw", "Saw", 6, 1.5),)) == (one.id, one.members, one.products)
    assert ["new"] == [row["id"] for row in knowledge.engine.run("ids_community", {"shop": "s"})]


def test_the_most_telling_come_first_and_a_list_shows_five(knowledge):
    typical = [
        ("new", product, place, 3, 2.0)
        for place, product in enumerate(("saw", "tea", "nails", "mug", "honey", "hammer"))
    ]
    knowledge.refresh("s", derived(Communities([(user, "new") for user in people("tea")], typical)))
    order = [product for _, product, *_ in typical]
    assert order == [each.product_id for each in knowledge.community("s", "new").products]
    assert order[:5] == [each.product_id for each in knowledge.communities("s")[0].products]


def test_communities_change_no_digest_and_who_is_erased_leaves_theirs(knowledge):
    before = dict(knowledge.rows("s"))
    knowledge.refresh("s", derived(Communities()))
    assert (before, ()) == (dict(knowledge.rows("s")), knowledge.communities("s"))
    knowledge.refresh("s", derived(Communities([(user, "new") for user in people("tea")])))
    knowledge.mend("s", [], [key for key in before if "tea-0" in key])
    assert people("tea")[1:] == knowledge.members("s", "new")
    assert replace(knowledge.community("s", "new"), products=()) == replace(knowledge.communities("s")[0], products=())
