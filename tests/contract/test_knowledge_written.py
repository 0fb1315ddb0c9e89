"""What was read before and written since is read as it stands, whatever an engine keeps in memory."""

from __future__ import annotations

from dataclasses import replace

import pytest
from contract.reads_ground import DERIVED, bought, entry, told

from shared.bus.port import Position
from shared.contracts.events import Kind
from shared.knowledge.projection import fold


@pytest.fixture
def knowledge(open_engine):
    """Return a graph of which everything was read already."""
    knowledge = told(open_engine())
    assert titles(knowledge) | {"milk": "Milk", "cheese": "Cheese"} == titles(knowledge)
    return knowledge


def titles(knowledge) -> dict[str, str]:
    return {id: product.title for id, product in products(knowledge).items()}


def products(knowledge):
    """Return what an insight says of products, bought ones and others."""
    insight = knowledge.insight("s", "ann")
    return {one.product.product_id: one.product for one in (*insight.bought, *insight.candidates)}


def renamed(**names: str):
    return fold([entry(Kind.PRODUCT, f"n-{id}", moment=8_000, product_id=id, name=said) for id, said in names.items()])


def test_a_product_that_was_renamed_has_its_new_name(knowledge):
    knowledge.apply(renamed(milk="Oat milk", cheese="Brie"), [Position("log", "commerce.products.v1", 0, 0)])
    assert titles(knowledge) | {"milk": "Oat milk", "cheese": "Brie"} == titles(knowledge)


def test_a_transaction_that_was_undone_has_renamed_nothing(knowledge):
    before = products(knowledge)

    def refuse():
        raise RuntimeError("undone")

    with pytest.raises(RuntimeError, match="undone"):
        knowledge.apply(renamed(milk="Oat milk"), [Position("log", "commerce.products.v1", 0, 0)], refuse)
    assert products(knowledge) == before


def test_what_products_draw_is_what_the_last_refresh_found(knowledge):
    popular = [("wine", 9), ("milk", 8), ("cheese", 7)]
    drawing = [(id, buyers, 0.5, 0.75) for id, buyers in popular]
    knowledge.refresh("s", replace(DERIVED, popular=popular, products=drawing))
    found = products(knowledge)
    assert {id: (found[id].popularity, found[id].loyalty) for id in ("milk", "cheese")} == {
        "milk": (8, 0.75),
        "cheese": (7, 0.75),
    }
    strangers = knowledge.insight("s", "nobody").candidates
    assert [(one.product.product_id, one.paths[0].support) for one in strangers] == [
        ("wine", 9),
        ("milk", 8),
        ("cheese", 7),
    ]


def test_a_product_that_was_mended_says_what_it_should(knowledge):
    rows = dict(knowledge.rows("s"))
    knowledge.apply(renamed(milk="Altered"), [Position("log", "commerce.products.v1", 0, 0)])
    assert titles(knowledge)["milk"] == "Altered"
    key = ("product", "s", "milk")
    knowledge.mend("s", [(key, rows[key])], [])
    assert titles(knowledge)["milk"] == "Milk"


def test_what_was_removed_is_told_of_no_more(knowledge):
    knowledge.mend("s", [], [key for key in dict(knowledge.rows("s")) if "cheese" in key])
    assert "cheese" not in products(knowledge)


def test_a_person_is_seen_with_what_they_bought_since(knowledge):
    knowledge.apply(
        fold([bought("p9", "ann", "cheese", moment=9_000)]), [Position("log", "commerce.purchases.v1", 0, 1)]
    )
    assert knowledge.insight("s", "ann").bought[0].product.product_id == "cheese"
    assert knowledge.profile("s", "ann").products == 3
