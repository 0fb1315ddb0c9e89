"""LadybugDB's dialect: no statement over rows is left for its planner to join with whole tables of edges."""

from __future__ import annotations

import pytest

from shared.knowledge.dialect import step_of
from shared.knowledge.statements import statements

EDGE = {"source": "a", "target": "b", "targets": ["b", "c"], "times": [1], "currency": "EUR"} | dict.fromkeys(
    ("quantity", "spend", "refunded", "returned"), 1
)


def test_edges_are_read_by_their_sources_and_chosen_by_both_ends():
    step = step_of(statements()["read_purchased"], {"rows": [EDGE, {"source": "d", "targets": ["b"]}]})

    assert "UNWIND" not in step.text
    assert "WHERE a.uid IN $sources" in step.text
    assert list(step.parameters) == [{"sources": ["a", "d"]}]
    assert step.wanted.to_pylist() == ["a>b", "a>c", "d>b"]


def test_edges_are_removed_source_by_source():
    step = step_of(statements()["delete_purchased"], {"rows": [EDGE, EDGE]})

    assert step.text.startswith("MATCH (a:User {uid: $source})-[e:PURCHASED]->(b:Product)\nWHERE b.uid IN $targets")
    assert list(step.parameters) == [EDGE, EDGE]


def test_new_edges_come_from_arrow():
    step = step_of(statements()["create_purchased"], {"rows": [EDGE]})

    assert step.text.startswith("LOAD FROM $rows\nMATCH (a:User {uid: row_source})")
    assert step.parameters[0]["rows"]["row_times"].to_pylist() == [[1]]


@pytest.mark.parametrize("name", ["put_watermarks", "read_user", "shops"])
def test_other_statements_stand_as_they_are(name):
    assert step_of(statements()[name], {"rows": [EDGE]}).text == statements()[name]


def test_no_statement_joins_rows_with_edges():
    joined = [
        name
        for name, text in statements().items()
        if text.startswith("UNWIND $rows AS row") and "UNWIND" in step_of(text, {"rows": [EDGE]}).text
    ]

    assert sorted(joined) == ["hold_watermark", "put_watermarks"]  # they merge
