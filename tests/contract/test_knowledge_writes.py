"""What every graph engine must do when written to: merge, stay idempotent, mend, load, refresh, copy itself."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from shared.bus.port import Position
from shared.contracts.events import Kind
from shared.errors import ConflictError, InvalidInputError, UnavailableError
from shared.history.port import Entry
from shared.knowledge.insight import Parameters
from shared.knowledge.port import Amendment, Derived
from shared.knowledge.projection import complete, digest, fold, uid
from shared.knowledge.rows import Facts, Purchased


def at(offset: int, partition: int = 0, log: str = "log") -> Position:
    return Position(log, "commerce.purchases.v1", partition, offset)


def entry(ledger_kind: Kind, id: str, /, *, shop: str = "s", moment: int = 1_000, **data) -> Entry:
    text = json.dumps({"user_id": "u", **data}, default=str).encode()
    return Entry(shop, ledger_kind, id, "", at(0), "u", None, moment, "", text)


def bought(id: str, *products: str, user: str = "u", moment: int = 1_000, shop: str = "s", **facts) -> Entry:
    lines = [{"product_id": product, "quantity": "2", "unit_price": "1.5", **facts} for product in products]
    return entry(Kind.PURCHASE, id, shop=shop, moment=moment, user_id=user, currency="EUR", lines=lines)


def told(id: str, product: str, moment: int = 1_000, **facts) -> Entry:
    return entry(Kind.PRODUCT, id, moment=moment, product_id=product, **facts)


EVENTS = [
    bought("p1", "milk", "bread", categories=["Grocery", "Dairy"], brand="Acme"),
    bought("p2", "milk", moment=2_000),
    bought("p3", "bread", user="v", moment=1_500),
    told(
        "c1",
        "milk",
        name="Oat milk",
        categories=["Grocery", "Dairy", "Milk"],
        tags=["Vegan"],
        price="1.20",
        currency="EUR",
    ),
    entry(Kind.REFUND, "r1", currency="EUR", lines=[{"product_id": "milk", "quantity": "1", "amount": "1.5"}]),
    entry(Kind.REFUND, "r2", currency="EUR", lines=[{"product_id": "wine", "quantity": "1"}]),
    entry(Kind.INTEREST, "i1", kind="stated", name="Hiking boots", score="0.8"),
    entry(Kind.INTEREST, "i2", kind="viewed", product_id="bread", score="1"),
    entry(Kind.USER, "e1", traits={"household": 3}, locale="de", consent={"marketing": True}),
]


@pytest.fixture
def knowledge(open_engine):
    return open_engine()


def rows_of(knowledge, shop: str = "s"):
    return dict(knowledge.rows(shop))


def expected(events=EVENTS):
    return dict(complete(fold(events)))


def test_what_a_look_before_the_commit_finds_wrong_undoes_all(knowledge):
    def wrong():
        raise ZeroDivisionError

    knowledge.apply(fold(EVENTS[:1]), [at(0)])
    before = rows_of(knowledge)
    with pytest.raises(ZeroDivisionError):
        knowledge.apply(fold(EVENTS[1:]), [at(1)], wrong)
    assert (before, [at(0)]) == (rows_of(knowledge), knowledge.watermarks())
    knowledge.apply(fold(EVENTS[1:]), [at(1)])
    assert expected() == rows_of(knowledge)


def test_what_was_applied_is_what_the_events_say(knowledge):
    knowledge.apply(fold(EVENTS), [at(0)])
    assert expected() == rows_of(knowledge)


def test_events_applied_one_by_one_end_in_the_same_digest_as_in_one_batch(knowledge):
    for offset, event in enumerate(reversed(EVENTS)):
        knowledge.apply(fold([event]), [at(offset)])
    assert digest(expected().items()) == digest(knowledge.rows("s"))


def test_a_product_that_changes_its_category_is_about_the_new_one_only(knowledge):
    knowledge.apply(fold([told("c1", "milk", categories=["Drinks"], brand="Acme")]), [at(0)])
    knowledge.apply(fold([told("c2", "milk", moment=2_000, categories=["Dairy", "Milk"])]), [at(1)])
    assert knowledge.abouts("s") == {"milk": ["brand:acme", "category:dairy", "category:dairy/milk"]}


def test_a_batch_at_or_under_the_watermark_is_refused_and_leaves_no_trace(knowledge):
    knowledge.apply(fold(EVENTS[:1]), [at(5)])
    before = digest(knowledge.rows("s"))
    with pytest.raises(ConflictError):
        knowledge.apply(fold(EVENTS[1:]), [at(5)])
    assert (before, [at(5)]) == (digest(knowledge.rows("s")), knowledge.watermarks())


def test_watermarks_are_kept_apart_by_log_and_partition(knowledge):
    knowledge.apply(fold([]), [at(5), at(2, partition=1)])
    knowledge.apply(fold([]), [at(0, log="anew")])
    assert sorted([at(5), at(2, partition=1), at(0, log="anew")]) == knowledge.watermarks()


def test_an_error_inside_a_batch_undoes_all_of_it(knowledge, monkeypatch):
    run = knowledge.engine.run

    def fail_at_last(name, parameters=None):
        if name == "create_within":
            raise UnavailableError("the disk is full")
        return run(name, parameters)

    monkeypatch.setattr(knowledge.engine, "run", fail_at_last)
    with pytest.raises(UnavailableError):
        knowledge.apply(fold(EVENTS), [at(0)])
    monkeypatch.undo()
    assert (rows_of(knowledge), knowledge.watermarks()) == ({}, [])
    knowledge.apply(fold(EVENTS), [at(0)])
    assert expected() == rows_of(knowledge)


def test_shops_never_meet(knowledge):
    knowledge.apply(fold([bought("p1", "milk"), bought("p1", "milk", shop="other")]), [at(0)])
    assert (["other", "s"], rows_of(knowledge).keys()) == (
        knowledge.shops(),
        fold([bought("p1", "milk")]).keys(),
    )


def test_a_loaded_graph_equals_one_that_grew(knowledge):
    knowledge.apply(fold([bought("old", "gone")]), [at(0)])
    knowledge.load(complete(fold(EVENTS)), [at(9)])
    assert (expected(), [at(9)], ["s"]) == (rows_of(knowledge), knowledge.watermarks(), knowledge.shops())


def test_a_loaded_graph_goes_on_growing(knowledge):
    knowledge.load(complete(fold(EVENTS[:4])), [at(3)])
    knowledge.apply(fold(EVENTS[4:]), [at(9)])
    assert expected() == rows_of(knowledge)


def test_what_was_committed_is_there_after_reopening(open_engine):
    open_engine().apply(fold(EVENTS), [at(0)])
    assert expected() == rows_of(open_engine())


def test_a_graph_that_was_never_filled_asks_for_it_and_tells_nobody_anything_until_it_was(open_unfilled):
    first = open_unfilled().status()["needs_rebuild"]
    again = open_unfilled()
    second = again.status()["needs_rebuild"]
    with pytest.raises(UnavailableError):
        again.insight("s", "u")
    again.load([], [])
    last = open_unfilled()
    assert (first, second, last.status()["needs_rebuild"]) == (True, True, False)
    assert last.insight("s", "u").known is False


def test_mending_writes_and_removes_exactly_what_it_is_told(knowledge):
    knowledge.apply(fold(EVENTS), [at(0)])
    extra, altered = ("user", "s", "nobody"), ("purchased", "s", "u", "milk")
    knowledge.mend(
        "s", [(extra, Facts({})), (altered, Purchased((1,), 1, 1, 0, 0, "EUR"))], [("product", "s", "bread")]
    )
    tampered = rows_of(knowledge)
    assert (extra in tampered, tampered[altered].quantity, ("product", "s", "bread") in tampered) == (True, 1, False)
    knowledge.mend("s", expected().items(), [extra])
    assert expected() == rows_of(knowledge)


def test_purchases_come_as_parallel_arrays(knowledge):
    knowledge.apply(fold(EVENTS), [at(0)])
    matrix = knowledge.purchases("s")
    found = {
        (matrix.users[user], matrix.products[product], int(time))
        for user, product, time in zip(matrix.user_index, matrix.product_index, matrix.times, strict=True)
    }
    assert {("u", "milk", 1_000), ("u", "bread", 1_000), ("u", "milk", 2_000), ("v", "bread", 1_500)} == found


def derived(score: float = 0.5, **changes) -> Derived:
    fields = {
        "bought_with": [("milk", "bread", score, 2)],
        "similar_to": [("u", "v", 0.4, 1)],
        "popular": [("milk", 1), ("bread", 2)],
        "popular_in": [("category:grocery", "milk", 1)],
        "parameters": Parameters(decay_days=200.0, fitted=True),
        "at": 3_000,
    }
    return Derived(**(fields | changes))


def edges_of(knowledge, kind: str) -> set[str]:
    return {row["uid"] for row in knowledge.engine.run(f"sources_{kind}", {"shop": "s"})}


def test_refreshing_replaces_derived_edges_and_leaves_the_digest_alone(knowledge):
    knowledge.apply(fold(EVENTS), [at(0)])
    knowledge.refresh("s", derived())
    knowledge.refresh("s", derived(bought_with=[("bread", "milk", -0.5, 2)]))
    assert {uid("product", "s", "bread")} == edges_of(knowledge, "bought_with")
    assert {uid("user", "s", "u")} == edges_of(knowledge, "similar_to")
    assert (expected(), {"s": 3_000}) == (rows_of(knowledge), knowledge.status()["refreshed"])


def test_amending_replaces_the_named_sources_edges_only(knowledge):
    knowledge.apply(fold([*EVENTS, bought("p4", "tea", user="w")]), [at(0)])
    knowledge.refresh(
        "s", derived(similar_to=[("u", "v", 0.4, 1), ("v", "u", 0.4, 1)], products=[("milk", 1, 0.5, 1.0)])
    )
    knowledge.amend(
        "s",
        Amendment(
            similar_to={"u": [("w", 0.9, 2), ("ghost", 0.8, 1)], "w": [("u", 0.9, 2)]},
            bought_with={"milk": [("tea", 0.7, 3)], "bread": []},
            products=[("bread", 4, 1.5, 1.25)],
        ),
    )
    assert ["w"] == [one.id for one in knowledge.similar_users("s", "u").neighbours]
    assert ["u"] == [one.id for one in knowledge.similar_users("s", "v").neighbours]
    assert [("tea", 0.7, 3)] == [
        (one.id, one.score, one.support) for one in knowledge.similar_products("s", "milk").neighbours
    ]
    milk, bread = knowledge.product("s", "milk"), knowledge.product("s", "bread")
    assert (1, 0.5, 1.0) == (milk.popularity, milk.newcomers, milk.loyalty)
    assert (4, 1.5, 1.25) == (bread.popularity, bread.newcomers, bread.loyalty)
    assert {"s": 3_000} == knowledge.status()["refreshed"]


def test_some_users_purchases_are_theirs_alone(knowledge):
    knowledge.apply(fold(EVENTS), [at(0)])
    one, nobody = knowledge.purchases("s", ["v", "ghost"]), knowledge.purchases("s", [])
    assert (["v"], ["bread"], [1_500]) == (one.users, one.products, one.times.tolist())
    assert ([], 0) == (nobody.users, len(nobody.times))


def test_refreshing_passes_over_who_was_erased_meanwhile(knowledge):
    knowledge.apply(fold(EVENTS), [at(0)])
    knowledge.refresh("s", derived(similar_to=[("u", "ghost", 0.5, 1), ("u", "v", 0.4, 1)]))
    assert {uid("user", "s", "u")} == edges_of(knowledge, "similar_to")


def test_matches_are_replaced_as_a_whole(knowledge):
    knowledge.apply(fold(EVENTS), [at(0)])
    knowledge.match("s", [("tag:hiking boots", "category:grocery", 0.4)])
    knowledge.match("s", [])
    assert set() == edges_of(knowledge, "matches")
    assert knowledge.interests("s", "tag") == {"tag:hiking boots": "Hiking boots", "tag:vegan": "Vegan"}


def test_a_snapshot_restores_what_stood_when_it_was_made(knowledge, tmp_path):
    knowledge.apply(fold(EVENTS[:3]), [at(2)])
    knowledge.snapshot(str(tmp_path / "copy"))
    knowledge.apply(fold(EVENTS[3:]), [at(9)])
    knowledge.restore(str(tmp_path / "copy"))
    assert (expected(EVENTS[:3]), [at(2)]) == (rows_of(knowledge), knowledge.watermarks())


def test_an_altered_snapshot_is_refused(knowledge, tmp_path):
    knowledge.apply(fold(EVENTS), [at(0)])
    knowledge.snapshot(str(tmp_path / "copy"))
    file = max((tmp_path / "copy").iterdir(), key=lambda path: (path.name != "manifest.json", path.stat().st_size))
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    with pytest.raises(InvalidInputError, match="altered"):
        knowledge.restore(str(tmp_path / "copy"))
    assert expected() == rows_of(knowledge)


def test_refunds_are_kept_apart_in_minor_units_and_thousandths(knowledge):
    knowledge.apply(fold(EVENTS), [at(0)])
    row = rows_of(knowledge)["purchased", "s", "u", "milk"]
    assert Purchased((1_000, 2_000), 4_000, 600, 1_000, 150, "EUR") == row
    assert Decimal(600) / 100 == Decimal("6.00")
