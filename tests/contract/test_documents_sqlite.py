"""The embedded documents: what is asked often is found by an index, not by looking at every document."""

import pytest

from shared.history.sqlite import SqliteHistory


@pytest.fixture
def documents(tmp_path):
    history = SqliteHistory(tmp_path / "history.db")
    yield history
    history.close()


def plans(documents, *question) -> str:
    """Return how SQLite answers a question: `find` is asked, and its statement explained."""
    asked: list[tuple] = []
    rows = documents._store.rows
    documents._store.rows = lambda sql, values: asked.append((sql, values)) or rows(sql, values)
    documents.find(*question)
    documents._store.rows = rows
    return str([rows(f"EXPLAIN QUERY PLAN {sql}", values) for sql, values in asked])


@pytest.mark.parametrize(
    ("question", "index"),
    [
        (("emails", "shop", {"user_id": "ann"}), "documents_by_user (<expr>=? AND collection=? AND shop=?"),
        (("emails", "shop", {"user_id": "ann", "status": "skipped"}), "documents_by_user (<expr>=?"),
        (("emails", "shop", {"decision_id": "d1"}), "documents_by_decision (<expr>=? AND collection=? AND shop=?"),
        (("emails", "shop"), "documents_by_shop (collection=? AND shop=?"),
        (("emails", None), "documents_by_collection (collection=?"),
    ],
)
def test_a_question_is_answered_by_an_index_in_its_order(documents, question, index):
    for number in range(300):
        user = f"user-{number % 100}"
        documents.put("emails", "shop", str(number), {"user_id": user, "decision_id": f"d{number}", "status": "made"})
    plan = plans(documents, *question)
    assert (True, False, False) == (index in plan, "SCAN documents" in plan, "TEMP B-TREE" in plan), plan


def test_only_top_level_texts_are_found_by_the_indexes_too(documents):
    for number, value in enumerate((1, {"n": "1"}, ["1"], None, True, "1")):
        documents.put("emails", "shop", str(number), {"user_id": value})
    assert ["5"] == [found.id for found in documents.find("emails", "shop", {"user_id": "1"}).items]
    assert documents.find("emails", "shop", {"user_id": '{"n":"1"}'}).items == ()


def test_a_file_made_before_the_indexes_has_them_once_it_is_opened(documents, tmp_path):
    documents.put("emails", "shop", "1", {"user_id": "ann"})
    with documents._store.write() as db:
        db.execute("DROP INDEX documents_by_user")
        db.execute("DROP INDEX documents_by_decision")
    again = SqliteHistory(tmp_path / "history.db")
    assert "documents_by_user" in plans(again, "emails", "shop", {"user_id": "ann"})
    assert ["1"] == [found.id for found in again.find("emails", "shop", {"user_id": "ann"}).items]
    again.close()
