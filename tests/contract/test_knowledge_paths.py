"""How two nodes are connected, and questions that are cut short: the same on every graph engine."""

import time

import pytest
from contract.graphs_ground import bought, interested

from shared.bus.port import Position
from shared.errors import InvalidInputError
from shared.knowledge.insight import Parameters
from shared.knowledge.port import Derived
from shared.knowledge.projection import fold
from shared.knowledge.statements import statements
from shared.knowledge.walking import STEPS, Step

POSITION = Position("log", "commerce.purchases.v1", 0, 0)
EVENTS = [
    bought("p1", "ann", "milk", "tea", moment=1_000),
    bought("p2", "ann", "tea", moment=2_000),
    bought("p3", "bob", "tea", "wine", moment=2_000),
    bought("p4", "cid", "wine", "corkscrew", moment=3_000, categories=["Bar"]),
    bought("p5", "dan", "boots", moment=4_000, categories=["Shoes"]),
    bought("p6", "ann", "hammer", moment=5_000, shop="other"),
    interested("i1", "cid", "Hiking"),
]
DERIVED = Derived(
    bought_with=[("corkscrew", "ginger", 0.5, 2), ("milk", "tea", 0.7, 2)],
    similar_to=[("ann", "bob", 0.9, 1)],
    popular=[],
    popular_in=[],
    parameters=Parameters(),
    at=9_000,
)
HARD = """\
MATCH (a:User {uid: $uid})
MATCH (a)-[:PURCHASED]->(:Product)<-[:PURCHASED]-(:User)-[:PURCHASED]->(:Product)<-[:PURCHASED]-(:User)
-[:PURCHASED]->(b:Product)
RETURN b.id AS id, count(*) AS weight
ORDER BY weight DESC, id LIMIT $limit"""


@pytest.fixture
def knowledge(open_engine):
    opened = open_engine()
    opened.patience = 60.0  # a server that has just started plans each statement first
    opened.apply(fold(EVENTS), [POSITION])
    opened.refresh("s", DERIVED)
    return opened


def told(found):
    return [way.words for way in found.ways]


def test_two_who_bought_the_same_are_connected_by_it(knowledge):
    found = knowledge.ways("s", ("user", "ann"), ("user", "bob"), kinds=["PURCHASED"])
    assert told(found) == [("ann bought Tea twice", "bob bought Tea once")]
    assert ([node.id for node in found.ways[0].nodes], found.truncated, found.partial) == (
        ["ann", "tea", "bob"],
        False,
        False,
    )


def test_the_shortest_way_is_told_and_each_edge_goes_its_own_way(knowledge):
    (way,) = knowledge.ways("s", ("user", "bob"), ("user", "ann")).ways
    (edge,) = way.edges
    assert (edge.kind, way.words) == ("SIMILAR_TO", ("ann buys much the same as bob",))


def test_a_way_over_several_people_is_found_from_both_ends(knowledge):
    found = knowledge.ways("s", ("product", "milk"), ("product", "corkscrew"), kinds=["PURCHASED"], longest=6)
    assert told(found) == [
        (
            "ann bought Milk once",
            "ann bought Tea twice",
            "bob bought Tea once",
            "bob bought Wine once",
            "cid bought Wine once",
            "cid bought Corkscrew once",
        )
    ]


def test_interests_categories_and_neighbours_connect_too(knowledge):
    assert told(knowledge.ways("s", ("product", "tea"), ("interest", "category:grocery"))) == [
        ("Tea is found under Grocery",)
    ]
    assert told(knowledge.ways("s", ("product", "milk"), ("product", "tea"))) == [("people who buy Milk also buy Tea",)]
    assert told(knowledge.ways("s", ("user", "cid"), ("interest", "tag:hiking"))) == [("cid is interested in Hiking",)]


def test_what_is_too_far_apart_has_no_way(knowledge):
    milk, corkscrew = ("product", "milk"), ("product", "corkscrew")
    assert knowledge.ways("s", milk, corkscrew, kinds=["PURCHASED"], longest=5).ways == ()
    assert knowledge.ways("s", ("user", "ann"), ("user", "dan"), longest=6).ways == ()


def test_who_is_unknown_or_of_another_shop_is_at_no_end(knowledge):
    assert knowledge.ways("s", ("user", "ann"), ("user", "nobody")) is None
    assert knowledge.ways("s", ("user", "ann"), ("product", "hammer")) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"other": ("user", "ann")},
        {"other": ("shop", "s")},
        {"longest": 0},
        {"longest": 7},
        {"kinds": ["KNOWS"]},
    ],
)
def test_a_way_out_of_bounds_is_refused(knowledge, wrong):
    with pytest.raises(InvalidInputError):
        knowledge.ways("s", **({"one": ("user", "ann"), "other": ("user", "bob")} | wrong))


def test_a_shop_with_one_user_has_nobody_alike_and_no_way_to_anybody(open_engine):
    alone = open_engine()
    alone.patience = 60.0
    alone.apply(fold([bought("p1", "ann", "milk", moment=1_000)]), [POSITION])
    assert alone.similar_users("s", "ann").neighbours == ()
    assert alone.ways("s", ("user", "ann"), ("user", "bob")) is None
    assert told(alone.ways("s", ("user", "ann"), ("product", "milk"))) == [("ann bought Milk once",)]


def test_a_question_that_is_too_hard_is_cut_and_answered_in_part(open_engine, monkeypatch):
    """Everyone bought everything, and the question goes five steps far instead of one."""
    dense = open_engine()
    goods = [f"p{number}" for number in range(60)]
    dense.load(fold(bought(f"b{one}", f"u{one}", *goods, moment=1_000) for one in range(60)).items(), [POSITION])
    dense.patience = 60.0
    whole = dense.neighbourhood("s", "user", "u1", depth=1)
    for step in STEPS["user"]:
        dense.neighbourhood("s", "user", "u1", depth=1, kinds=[step.edge])  # planned for when it is asked alone
    dense.patience = 6.0
    monkeypatch.setitem(statements(), "hard", HARD)
    monkeypatch.setitem(STEPS, "user", (*STEPS["user"], Step("PURCHASED", "product", "hard")))
    began = time.monotonic()
    cut = dense.neighbourhood("s", "user", "u1", depth=1)
    assert time.monotonic() - began < 30  # it would take minutes
    assert (cut.partial, whole.partial, cut.nodes, cut.edges) == (True, False, whole.nodes, whole.edges)
    monkeypatch.undo()
    dense.patience = 60.0
    assert dense.neighbourhood("s", "user", "u1", depth=1) == whole


def test_ways_and_likeness_that_are_cut_say_so(knowledge):
    knowledge.patience = 0.0
    assert (knowledge.ways("s", ("user", "ann"), ("user", "bob")).partial, knowledge.patience) == (True, 0.0)
    assert knowledge.similar_users("s", "ann").partial
    assert knowledge.similar_products("s", "milk").partial
