"""What every ledger guarantees; each engine inherits it (`new_history` in conftest.py)."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from shared.bus.port import Position
from shared.contracts.events import Kind
from shared.errors import InvalidInputError
from shared.history.port import Entry, Outcome

NEW, REDELIVERED, DUPLICATE, CONFLICT = Outcome.NEW, Outcome.REDELIVERED, Outcome.DUPLICATE, Outcome.CONFLICT
NOON = 1_777_800_000_000
TYPES = {
    Kind.PURCHASE: "com.tastegraph.purchase.recorded.v1",
    Kind.REFUND: "com.tastegraph.purchase.refunded.v1",
}


@pytest.fixture
def reopen(reopen_history):
    return reopen_history


@pytest.fixture
def ledger(reopen):
    return reopen()


def at(offset: int, *, log: str = "log-1", topic: str = "commerce.purchases.v1", partition: int = 0) -> Position:
    return Position(log, topic, partition, offset)


def bought(id_: str, offset: int, *, user: str = "ann", shop: str = "shop", price: str = "1.99", when=NOON) -> Entry:
    line = {"product_id": "milk", "quantity": "1", "unit_price": price, "categories": ["Grocery", "Dairy"]}
    data = json.dumps(
        {
            "purchase_id": id_,
            "user_id": user,
            "purchased_at": "2026-05-03T09:20:00Z",
            "currency": "EUR",
            "lines": [line],
        },
        sort_keys=True,
    ).encode()
    digest = hashlib.sha256(data).hexdigest()
    return Entry(shop, Kind.PURCHASE, id_, digest, at(offset), user, None, when, TYPES[Kind.PURCHASE], data)


def refunded(id_: str, offset: int) -> Entry:
    data = json.dumps(
        {
            "refund_id": id_,
            "purchase_id": "b1",
            "user_id": "ann",
            "refunded_at": "2026-05-03T09:20:00Z",
            "currency": "EUR",
            "lines": [{"product_id": "milk", "quantity": "1"}],
        },
        sort_keys=True,
    ).encode()
    digest = hashlib.sha256(data).hexdigest()
    return Entry("shop", Kind.REFUND, id_, digest, at(offset), "ann", None, NOON, TYPES[Kind.REFUND], data)


def ids(ledger, **which) -> list[str]:
    return [entry.id for _, entry in ledger.replay(**which)]


class TestRecording:
    """Every engine: each event once."""

    def test_an_entry_comes_back_as_it_was_recorded(self, ledger):
        entries = [bought("b1", 0), refunded("r1", 1)]
        assert [NEW, NEW] == ledger.record(entries)
        assert entries == [entry for _, entry in ledger.replay()]

    def test_numbers_come_back_as_plain_ones_and_no_engines_own(self, ledger):
        ledger.record([bought("b1", 0, when=NOON)], [at(1 << 40)])
        [(number, entry)] = ledger.replay()
        [mark] = ledger.watermarks()
        assert {int} == {type(one) for one in (number, entry.at, entry.origin.offset, mark.offset)}

    def test_a_redelivered_record_is_told_from_a_repeated_event(self, ledger):
        ledger.record([bought("b1", 0)])
        assert [REDELIVERED, DUPLICATE] == ledger.record([bought("b1", 0), bought("b1", 1)])
        assert ["b1"] == ids(ledger)

    @pytest.mark.parametrize(
        "origin",
        [at(0, log="log-2"), at(0, topic="commerce.users.v1"), at(0, partition=1)],
        ids=["log", "topic", "partition"],
    )
    def test_the_same_offset_elsewhere_is_another_origin(self, ledger, origin):
        ledger.record([bought("b1", 0)])
        assert [DUPLICATE] == ledger.record([replace(bought("b1", 0), origin=origin)])

    def test_another_content_under_a_known_id_leaves_the_first_standing(self, ledger):
        first, second = bought("b1", 0), bought("b1", 1, price="2.99")
        assert [NEW, CONFLICT] == ledger.record([first, second])
        assert [first] == [entry for _, entry in ledger.replay()]
        (conflict,) = ledger.conflicts("shop").items
        assert (first.data, second.data, at(1)) == (conflict.stands, conflict.quarantined, conflict.origin)

    def test_repeats_within_one_batch_are_seen(self, ledger):
        batch = [bought("b1", 0), bought("b1", 0), bought("b1", 1), bought("b1", 2, price="9"), bought("b2", 3)]
        assert [NEW, REDELIVERED, DUPLICATE, CONFLICT, NEW] == ledger.record(batch)

    def test_a_redelivered_repeat_gets_the_same_answer_and_is_quarantined_once(self, ledger):
        repeats = [bought("b1", 1), bought("b1", 2, price="9")]
        ledger.record([bought("b1", 0)])
        assert [DUPLICATE, CONFLICT] == ledger.record(repeats) == ledger.record(repeats)
        assert 1 == len(ledger.conflicts("shop").items)

    def test_ids_are_apart_per_shop_and_kind(self, ledger):
        entries = [bought("x", 0), bought("x", 1, shop="other"), refunded("x", 2)]
        assert [NEW, NEW, NEW] == ledger.record(entries)

    def test_ids_that_differ_in_case_or_script_are_different(self, ledger):
        names = ["b1", "B1", "ß", "SS", "b1'--", "日本", "🧀"]
        assert [NEW] * len(names) == ledger.record([bought(name, n) for n, name in enumerate(names)])
        assert set(names) == set(ledger.known("shop", Kind.PURCHASE, names))

    def test_what_was_recorded_outlives_the_engine(self, reopen):
        reopen().record([bought("b1", 0), bought("b1", 1), bought("b1", 2, price="9")], [at(2)])
        ledger = reopen()
        assert [REDELIVERED] == ledger.record([bought("b1", 0)])
        assert ([at(2)], ["shop"], ["b1"]) == (ledger.watermarks(), ledger.shops(), ids(ledger))
        assert {at(0): NEW, at(1): DUPLICATE, at(2): CONFLICT} == ledger.outcomes([at(0), at(1), at(2)])

    def test_of_many_threads_with_the_same_entries_one_is_first_with_each(self, ledger):
        def record(thread: int) -> list[Outcome]:
            return [ledger.record([bought(f"b{n}", n + 100 * thread)])[0] for n in range(20)]

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(record, range(4)))
        assert [[DUPLICATE] * 3 + [NEW]] * 20 == [sorted(of_one_id) for of_one_id in zip(*answers, strict=True)]


class TestReading:
    """Every engine: what the ledger tells."""

    def test_known_gives_the_digests_of_what_is_held(self, ledger):
        entries = [bought("b1", 0), bought("b2", 1), bought("b3", 2, shop="other")]
        ledger.record(entries)
        assert {"b1": entries[0].digest} == ledger.known("shop", Kind.PURCHASE, ["b1", "b3", "b9"])
        assert {} == ledger.known("shop", Kind.REFUND, ["b1"])
        assert {} == ledger.known("shop", Kind.PURCHASE, [])

    def test_watermarks_only_advance_each_on_its_own(self, ledger):
        ledger.record([], [at(5), at(1, partition=1)])
        ledger.record([], [at(3), at(9, log="log-2")])
        ledger.record([], [at(4, topic="commerce.users.v1")])
        want = {at(5), at(1, partition=1), at(9, log="log-2"), at(4, topic="commerce.users.v1")}
        assert want == set(ledger.watermarks())
        ledger.record([], [at(6)])
        assert want - {at(5)} | {at(6)} == set(ledger.watermarks())

    def test_replay_resumes_after_a_number_and_keeps_the_order_of_recording(self, ledger):
        ledger.record([bought("c", 7, when=NOON + 5), bought("a", 8, when=NOON), bought("b", 9, when=NOON - 5)])
        numbers = [number for number, _ in ledger.replay()]
        assert ["c", "a", "b"] == ids(ledger)
        assert numbers == sorted(numbers)
        assert numbers[0] > 0
        assert (["a", "b"], []) == (ids(ledger, after=numbers[0]), ids(ledger, after=numbers[2]))

    def test_replay_of_one_shop_passes_over_the_others(self, ledger):
        ledger.record([bought(f"b{n}", n, shop=f"shop-{n % 3}") for n in range(9)])
        assert ["b1", "b4", "b7"] == ids(ledger, shop="shop-1")
        assert [] == ids(ledger, shop="shop-9")

    def test_a_long_replay_is_whole_and_lets_others_record_meanwhile(self, ledger):
        ledger.record([bought(f"b{n:04}", n) for n in range(1_300)])
        replay = ledger.replay()
        seen = [next(replay)[1].id]
        assert [NEW] == ledger.record([bought("late", 2_000)])
        seen += [entry.id for _, entry in replay]
        assert [*(f"b{n:04}" for n in range(1_300)), "late"] == seen

    def test_shops_are_those_with_entries(self, ledger):
        assert [] == ledger.shops()
        ledger.record([bought("b", n, shop=shop) for n, shop in enumerate(["b", "a", "b", "c"])])
        assert ["a", "b", "c"] == sorted(ledger.shops())

    def test_outcomes_are_told_by_origin(self, ledger):
        ledger.record([bought("b1", 0), bought("b1", 1), bought("b1", 2, price="9"), bought("b2", 3)])
        asked = [*(at(n) for n in range(5)), at(0, log="log-2"), at(1, partition=1), at(2, topic="commerce.users.v1")]
        assert {at(0): NEW, at(1): DUPLICATE, at(2): CONFLICT, at(3): NEW} == ledger.outcomes(asked)

    def test_only_what_was_asked_for_is_told(self, ledger):
        ledger.record([bought("b1", 0), replace(bought("b2", 0), origin=at(0, partition=1)), bought("b1", 1)])
        assert {at(0): NEW} == ledger.outcomes([at(0), at(1, log="log-2")])

    def test_outcomes_of_very_many_records(self, ledger):
        ledger.record([bought(f"b{n}", n) for n in range(1_200)])
        assert dict.fromkeys(map(at, range(1_200)), NEW) == ledger.outcomes([at(n) for n in range(1_500)])

    def test_conflicts_come_newest_first_page_by_page(self, ledger):
        ledger.record([bought("b1", 0), *(bought("b1", n, price=str(n)) for n in range(1, 6))])
        offsets, token, pages = [], "", 0
        while not pages or token:
            page = ledger.conflicts("shop", page_token=token, page_size=2)
            offsets += [conflict.origin.offset for conflict in page.items]
            token, pages = page.next_token, pages + 1
        assert ([5, 4, 3, 2, 1], 3) == (offsets, pages)

    def test_conflicts_are_a_shops_own_and_the_operators_sees_all(self, ledger):
        shops = ["a", "b"]
        ledger.record([bought("x", n, shop=shop, price=str(n)) for n, shop in enumerate([*shops, *shops])])
        assert [["a"], ["b"], [], ["b", "a"]] == [
            [conflict.shop for conflict in ledger.conflicts(shop).items] for shop in ("a", "b", "c", None)
        ]

    @pytest.mark.parametrize("token", ["x", "-1", "W10", "²", "9" * 400])
    def test_a_token_that_was_never_given_is_refused(self, ledger, token):
        with pytest.raises(InvalidInputError):
            ledger.conflicts("shop", page_token=token)

    def test_a_token_of_one_shop_is_refused_for_another(self, ledger):
        ledger.record([bought("b1", n, price=str(n)) for n in range(3)])
        token = ledger.conflicts("shop", page_size=1).next_token
        with pytest.raises(InvalidInputError, match="another question"):
            ledger.conflicts("other", page_token=token)


class TestErasing:
    """Every engine: what is forgotten stays forgotten."""

    def test_only_what_the_user_did_before_the_moment_is_gone(self, ledger):
        entries = [
            bought("gone", 0, when=NOON - 1),
            bought("then", 1),
            bought("bobs", 2, user="bob", when=NOON - 1),
            bought("elsewhere", 3, shop="other", when=NOON - 1),
        ]
        ledger.record(entries)
        numbers = {entry.id: number for number, entry in ledger.replay()}
        assert (1, 0) == (ledger.erase("shop", "ann", NOON), ledger.erase("shop", "ann", NOON))
        left = {entry.id: number for number, entry in ledger.replay()}
        assert {name: number for name, number in numbers.items() if name != "gone"} == left

    def test_repeats_of_the_erased_still_have_no_effect(self, ledger):
        first = bought("b1", 0)
        ledger.record([first])
        ledger.erase("shop", "ann", NOON + 1)
        repeats = [first, bought("b1", 1), bought("b1", 2, price="9")]
        assert [REDELIVERED, DUPLICATE, CONFLICT] == ledger.record(repeats)
        assert {"b1": first.digest} == ledger.known("shop", Kind.PURCHASE, ["b1"])
        assert ([], {at(0): NEW}) == (ids(ledger), ledger.outcomes([at(0)]))

    def test_quarantined_contents_are_forgotten_and_do_not_come_back(self, ledger):
        other = bought("b1", 1, price="9")
        ledger.record([bought("b1", 0), other])
        ledger.erase("shop", "ann", NOON + 1)
        assert [CONFLICT, CONFLICT] == ledger.record([other, bought("b1", 2, price="8")])
        assert () == ledger.conflicts("shop").items

    def test_numbers_go_on_after_an_erasure(self, ledger):
        ledger.record([bought("b1", 0)])
        ((last, _),) = ledger.replay()
        ledger.erase("shop", "ann", NOON + 1)
        ledger.record([bought("b2", 1)])
        assert ["b2"] == ids(ledger, after=last)
