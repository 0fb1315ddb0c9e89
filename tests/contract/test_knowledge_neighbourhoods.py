"""What is drawn around a node: the same on every engine, within its bounds, with the strongest edges first."""

from __future__ import annotations

import pytest
from contract.reads_ground import bought, entry, told

from shared.bus.port import Position
from shared.contracts.events import Kind
from shared.errors import InvalidInputError
from shared.knowledge import ladybug_around, walking
from shared.knowledge.engine import CutShortError
from shared.knowledge.insight import Parameters
from shared.knowledge.port import Derived
from shared.knowledge.projection import fold
from shared.knowledge.rows import uid
from shared.knowledge.walking import STEPS

POSITION = Position("log", "commerce.purchases.v1", 0, 9)


@pytest.fixture
def knowledge(open_engine):
    return told(open_engine())


def test_a_neighbourhood_joins_nodes_that_are_all_there(knowledge):
    drawn = knowledge.neighbourhood("s", "user", "ann", depth=3, limit=300)
    uids = {node.uid for node in drawn.nodes}
    assert {edge.source for edge in drawn.edges} | {edge.target for edge in drawn.edges} == uids
    assert {(node.kind, node.id) for node in drawn.nodes} >= {
        ("user", "bob"),
        ("product", "wine"),
        ("interest", "tag:tents"),
    }
    assert (drawn.nodes[0].id, drawn.nodes[0].depth, drawn.truncated) == ("ann", 0, False)


def test_a_neighbourhood_that_a_bound_cut_says_so(knowledge):
    drawn = knowledge.neighbourhood("s", "user", "ann", depth=2, limit=4)
    assert (len(drawn.nodes) <= 4, drawn.truncated) == (True, True)


def test_a_neighbourhood_keeps_only_the_edges_asked_for(knowledge):
    drawn = knowledge.neighbourhood("s", "product", "milk", depth=1, kinds=["PURCHASED"])
    assert {edge.kind for edge in drawn.edges} == {"PURCHASED"}
    assert sorted(node.id for node in drawn.nodes) == ["ann", "bob", "milk"]


def test_a_neighbourhood_of_what_is_unknown_is_none(knowledge):
    assert [knowledge.neighbourhood("s", kind, "x") for kind in ("user", "product", "interest")] == [None] * 3


@pytest.mark.parametrize("wrong", [{"depth": 4}, {"depth": 0}, {"limit": 301}, {"kinds": ["KNOWS"]}])
def test_a_neighbourhood_out_of_bounds_is_refused(knowledge, wrong):
    with pytest.raises(InvalidInputError):
        knowledge.neighbourhood("s", "user", "ann", **wrong)


@pytest.fixture
def crowd(knowledge):
    """Thirty people who bought some of forty things: many edges of one weight, and more of them than are asked for."""
    orders = [
        bought(f"c{user}-{turn}", f"u{user:02}", *[f"t{(user * 7 + n * turn) % 40:02}" for n in range(9)], moment=4_000)
        for user in range(30)
        for turn in (1, 2)
    ]
    knowledge.apply(fold(orders), [POSITION])
    things = [f"t{n:02}" for n in range(40)]
    knowledge.refresh(
        "s",
        Derived(
            bought_with=[(one, things[-1 - n], 0.5 - n % 3 / 4, 2) for n, one in enumerate(things)]
            + [("t00", one, 0.25, 2) for one in things[1:20]],
            similar_to=[("u00", f"u{n:02}", 0.5, 2) for n in range(1, 15)],
            popular=[],
            popular_in=[
                (interest, one, n % 4)
                for interest in ("category:grocery", "category:grocery/dairy")
                for n, one in enumerate(things)
            ],
            parameters=Parameters(),
            at=9_000,
            products=[(one, n % 5, 0.0, 1.0) for n, one in enumerate(things)],
        ),
    )
    return knowledge


@pytest.mark.parametrize("many", [5, 2_000])
def test_edges_asked_for_together_are_those_of_each_statement_by_itself(crowd, monkeypatch, many):
    """However an engine asks: by bare offsets, with the weights of all nodes or one by one, or in one statement."""
    monkeypatch.setattr(ladybug_around, "_MANY", many)
    nodes = {
        "user": ["u00", "u07", "ann"],
        "product": ["t00", "t05", "milk"],
        "interest": ["category:grocery", "category:grocery/dairy", "tag:tents"],
    }
    for kind, ids in nodes.items():
        names, uids = [step.statement for step in STEPS[kind]], [uid(kind, "s", id) for id in ids]
        for limit in (1, 6, 100):
            together = crowd.engine.around(names, uids, limit, 5.0)
            asked = {(name, one): {"uid": one, "limit": limit} for name in names for one in uids}
            assert {key: crowd.engine.run(key[0], given) for key, given in asked.items()} == together
    assert [4, 4, 4, 4, 4, 4, 4, 4] == [
        row["weight"]
        for row in crowd.engine.around(["from_interest_about"], [uid("interest", "s", "category:grocery")], 8, 5.0)[
            "from_interest_about", uid("interest", "s", "category:grocery")
        ]
    ]


def test_whoever_passes_through_a_crowd_follows_what_is_popular_there(crowd):
    through = crowd.neighbourhood("s", "product", "t00", depth=2, kinds=["ABOUT"], limit=300)
    popular = sorted((-(n % 4), f"t{n:02}") for n in range(40))[:19]
    assert sorted(node.id for node in through.nodes if node.depth == 2) == sorted(
        id for _, id in popular if id != "t00"
    )
    assert through.truncated
    of_it = crowd.neighbourhood("s", "interest", "category:grocery", depth=1, kinds=["ABOUT"], limit=300)
    assert {f"t{n:02}" for n in range(40)} < {node.id for node in of_it.nodes}
    assert not of_it.truncated


def test_what_was_moved_out_of_a_crowd_is_not_passed_on_to(crowd):
    moved = entry(Kind.PRODUCT, "c2", product_id="t03", name="T03", categories=["Household"], moment=5_000)
    crowd.apply(fold([moved]), [Position("log", "commerce.purchases.v1", 0, 10)])
    through = crowd.neighbourhood("s", "product", "t00", depth=2, kinds=["ABOUT"], limit=300)
    assert "t03" not in {node.id for node in through.nodes}


def test_nobody_goes_on_from_what_crowds_buy_while_there_is_something_else(crowd, monkeypatch):
    asked = {"depth": 2, "kinds": ["PURCHASED"], "limit": 300}
    monkeypatch.setattr(walking, "_CROWDED", 3)  # a fifth of the forty things have four buyers of late
    crowds = {f"t{n:02}" for n in range(4, 40, 5)}
    drawn = crowd.neighbourhood("s", "user", "u00", **asked)
    gone_on_from = {edge.target for edge in drawn.edges} - {drawn.nodes[0].uid}
    users = {node.uid for node in drawn.nodes if node.kind == "user"} - {drawn.nodes[0].uid}
    told = {edge.target for edge in drawn.edges if edge.source in users}
    assert told
    assert told <= gone_on_from - {uid("product", "s", id) for id in crowds}
    monkeypatch.setattr(walking, "_CROWDED", -1)  # all are
    assert {2} < {node.depth for node in crowd.neighbourhood("s", "user", "u00", **asked).nodes}


def test_where_few_are_popular_all_are_passed_on_to(knowledge):
    through = knowledge.neighbourhood("s", "product", "milk", depth=2, kinds=["ABOUT"])
    assert {node.id for node in through.nodes if node.kind == "product"} == {*("milk", "bread", "cheese", "wine")}


def test_what_takes_too_long_together_is_asked_for_apart(crowd, monkeypatch):
    whole, asked = crowd.neighbourhood("s", "product", "t00"), crowd.engine.around

    def around(names, uids, limit, within):
        if len(names) > 1 or len(uids) > 1:
            raise CutShortError("the engine took too long")
        return asked(names, uids, limit, within)

    monkeypatch.setattr(crowd.engine, "around", around)
    assert whole == crowd.neighbourhood("s", "product", "t00")
    assert (len(whole.nodes) > 20, whole.partial) == (True, False)
