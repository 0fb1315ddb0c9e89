"""What every document store guarantees; each engine inherits it (`new_history` in conftest.py)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from shared.clock import FixedClock, to_ms
from shared.errors import ConflictError, InvalidInputError
from shared.history.port import Document

NOON = datetime(2026, 5, 3, 12, tzinfo=UTC)


@pytest.fixture
def clock():
    return FixedClock(NOON)


@pytest.fixture
def reopen(reopen_history, clock):
    return lambda: reopen_history(clock)


@pytest.fixture
def documents(reopen):
    return reopen()


def ids(page) -> list[str]:
    return [document.id for document in page.items]


class TestDocuments:
    """Every engine."""

    def test_a_document_comes_back_as_it_was_put(self, documents):
        body = {"name": "Ünïcode \ud83c", "deep": {"list": [1, 2.5, None, True, {"x": "y"}]}, "big": 2**60}
        expected = Document("emails", "shop", "1", body, 1, to_ms(NOON))
        assert expected == documents.put("emails", "shop", "1", body)
        assert expected == documents.get("emails", "shop", "1")

    def test_every_write_makes_a_new_version_with_its_moment(self, documents, clock):
        documents.put("emails", "shop", "1", {"state": "made"})
        clock.moment = NOON + timedelta(hours=1)
        documents.put("emails", "shop", "1", {"state": "sent"})
        later = to_ms(NOON + timedelta(hours=1))
        assert Document("emails", "shop", "1", {"state": "sent"}, 2, later) == documents.get("emails", "shop", "1")

    def test_documents_outlive_the_engine(self, reopen):
        written = reopen().put("emails", "shop", "1", {"a": "b"})
        assert written == reopen().get("emails", "shop", "1")

    def test_what_was_not_put_is_not_there(self, documents):
        documents.put("emails", "shop", "1", {})
        assert documents.get("emails", "shop", "2") is None
        assert documents.get("boards", "shop", "1") is None

    def test_equal_ids_in_two_shops_and_collections_never_mix(self, documents):
        documents.put("emails", "one", "1", {"of": "one"})
        documents.put("emails", "two", "1", {"of": "two"})
        documents.put("boards", "one", "1", {"of": "boards"})
        assert documents.delete("emails", "two", "1")
        assert documents.get("emails", "two", "1") is None
        assert documents.get("emails", "one", "1").body == {"of": "one"}
        assert documents.get("boards", "one", "1").body == {"of": "boards"}
        assert [("one", "1")] == [(found.shop, found.id) for found in documents.find("emails", None).items]
        assert ids(documents.find("emails", "two")) == []

    @pytest.mark.parametrize("expect", [0, 1, 3])
    def test_a_write_over_another_version_than_expected_changes_nothing(self, documents, expect):
        documents.put("emails", "shop", "1", {"n": 1})
        documents.put("emails", "shop", "1", {"n": 2})
        with pytest.raises(ConflictError, match="version 2 stands"):
            documents.put("emails", "shop", "1", {"n": 3}, expect=expect)
        assert documents.get("emails", "shop", "1").body == {"n": 2}

    def test_a_write_over_the_version_expected_succeeds(self, documents):
        assert documents.put("emails", "shop", "1", {}, expect=0).version == 1
        assert documents.put("emails", "shop", "1", {}, expect=1).version == 2

    def test_a_version_cannot_be_expected_of_what_is_not_there(self, documents):
        with pytest.raises(ConflictError):
            documents.put("emails", "shop", "1", {}, expect=1)
        assert documents.get("emails", "shop", "1") is None

    def test_of_many_who_expect_the_same_version_one_wins(self, documents):
        def attempt(number: int) -> bool:
            try:
                documents.put("emails", "shop", "1", {"by": number}, expect=0)
            except ConflictError:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(attempt, range(16))) == 1

    def test_many_are_looked_up_at_once_and_only_those_that_are_there_come_back(self, documents):
        for shop, id in (("s", "a"), ("s", "b"), ("other", "c")):
            documents.put("kind", shop, id, {"n": id})
        documents.put("else", "s", "c", {"n": "c"})
        found = documents.get_all("kind", "s", {"a", "b", "c", "d' OR 1"})
        assert {id: one.body["n"] for id, one in found.items()} == {"a": "a", "b": "b"}
        assert found["a"] == documents.get("kind", "s", "a")
        assert documents.get_all("kind", "s", []) == {}

    def test_a_deleted_document_is_gone_and_begins_anew(self, documents):
        documents.put("emails", "shop", "1", {})
        documents.put("emails", "shop", "1", {})
        assert documents.delete("emails", "shop", "1") is True
        assert documents.delete("emails", "shop", "1") is False
        assert documents.put("emails", "shop", "1", {}, expect=0).version == 1

    @pytest.mark.parametrize(
        "body",
        [
            {"$set": 1},
            {"a.b": 1},
            {"": 1},
            {"a": {"b": [{"c$": 1}]}},
            {"a": [[{"x.y": 1}]]},
            {"a": ({"$x": 1},)},
            {1: "number"},
            {"a": Ellipsis},
            {"a": b"bytes"},
            {"a": float("nan")},
            {"a": [float("inf")]},
        ],
        ids=str,
    )
    def test_what_another_engine_could_not_keep_is_refused(self, documents, body):
        with pytest.raises(InvalidInputError):
            documents.put("emails", "shop", "1", body)
        assert documents.get("emails", "shop", "1") is None

    def test_a_body_without_a_bottom_is_refused(self, documents):
        body: dict = {}
        for _ in range(100_000):
            body = {"a": body}
        with pytest.raises(InvalidInputError):
            documents.put("emails", "shop", "1", body)

    def test_the_values_may_hold_any_character(self, documents):
        body = {"subject": "$5.00 off", "list": ["a.b", "$where"]}
        assert documents.put("emails", "shop", "1", body).body == body


class TestFinding:
    """Every engine."""

    def test_the_newest_write_comes_first_even_when_the_clock_goes_back(self, documents, clock):
        for number in "123":
            documents.put("emails", "shop", number, {})
        clock.moment = NOON - timedelta(days=1)
        documents.put("emails", "shop", "1", {})
        assert ["1", "3", "2"] == ids(documents.find("emails", "shop"))

    def test_every_field_asked_for_must_be_equal(self, documents):
        documents.put("emails", "shop", "1", {"user": "ann", "state": "sent"})
        documents.put("emails", "shop", "2", {"user": "ann", "state": "made"})
        documents.put("emails", "shop", "3", {"user": "bob", "state": "sent"})
        assert ["1"] == ids(documents.find("emails", "shop", {"user": "ann", "state": "sent"}))
        assert ["2", "1"] == ids(documents.find("emails", "shop", {"user": "ann"}))
        assert ids(documents.find("emails", "shop", {"nothing": "ann"})) == []

    def test_only_top_level_texts_are_compared(self, documents):
        documents.put("emails", "shop", "1", {"n": 1, "deep": {"n": "1"}, "list": ["1"], "none": None})
        for field, text in (("n", "1"), ("deep", '{"n":"1"}'), ("list", '["1"]'), ("none", ""), ("0", "1")):
            assert ids(documents.find("emails", "shop", {field: text})) == []

    @pytest.mark.parametrize("name", ['"', "' OR 1=1 --", "a b", "a[0]", "é"])
    def test_a_field_may_have_an_odd_name(self, documents, name):
        documents.put("emails", "shop", "1", {name: "x"})
        documents.put("emails", "shop", "2", {"other": "x"})
        assert ["1"] == ids(documents.find("emails", "shop", {name: "x"}))

    @pytest.mark.parametrize(
        "where", [{"a": 1}, {"a": None}, {"a": {"$ne": ""}}, {"a": ["x"]}, {"$where": "1"}, {"a.b": "x"}, {1: "x"}]
    )
    def test_a_question_of_anything_but_texts_is_refused(self, documents, where):
        with pytest.raises(InvalidInputError):
            documents.find("emails", "shop", where)

    def test_without_a_shop_every_shop_is_searched_in_that_collection(self, documents):
        documents.put("emails", "one", "1", {"x": "y"})
        documents.put("emails", "two", "2", {"x": "y"})
        documents.put("boards", "one", "3", {"x": "y"})
        assert ["2", "1"] == ids(documents.find("emails", None, {"x": "y"}))

    def test_pages_follow_one_another_to_the_end(self, documents):
        for number in range(7):
            documents.put("emails", "shop", str(number), {"kind": "even" if number % 2 == 0 else "odd"})
        seen, token = [], ""
        while True:
            page = documents.find("emails", "shop", {"kind": "even"}, page_token=token, page_size=2)
            seen += ids(page)
            assert len(page.items) <= 2
            token = page.next_token
            if not token:
                break
        assert ["6", "4", "2", "0"] == seen

    def test_what_is_written_meanwhile_does_not_shift_the_pages(self, documents):
        for number in range(4):
            documents.put("emails", "shop", str(number), {})
        first = documents.find("emails", "shop", page_size=2)
        documents.put("emails", "shop", "new", {})
        second = documents.find("emails", "shop", page_token=first.next_token, page_size=2)
        assert ["3", "2", "1", "0"] == ids(first) + ids(second)

    def test_a_token_answers_its_own_question_only(self, documents):
        for shop in ("one", "two"):
            for number in range(3):
                documents.put("emails", shop, str(number), {"a": "b"})
        token = documents.find("emails", "one", page_size=1).next_token
        for other in (("boards", "one", None), ("emails", "two", None), ("emails", None, None)):
            with pytest.raises(InvalidInputError, match="another question"):
                documents.find(*other, page_token=token)
        with pytest.raises(InvalidInputError, match="another question"):
            documents.find("emails", "one", {"a": "b"}, page_token=token)

    @pytest.mark.parametrize("token", ["x", "é", "W10", "MQ", "bnVsbA", "eyJhIjoxfQ", "A" * 9999, "[" * 99_999])
    def test_a_token_that_is_none_of_ours_is_refused(self, documents, token):
        with pytest.raises(InvalidInputError):
            documents.find("emails", "shop", page_token=token)

    @pytest.mark.parametrize(("asked", "given"), [(0, 1), (-5, 1), (3, 3), (10**9, 4)])
    def test_a_page_holds_at_least_one_and_what_was_asked_at_most(self, documents, asked, given):
        for number in range(4):
            documents.put("emails", "shop", str(number), {})
        assert given == len(documents.find("emails", "shop", page_size=asked).items)
