"""A graph is filled table by table, in several copies where a table is large; nothing is left out or doubled."""

from __future__ import annotations

from itertools import pairwise

import pytest
from contract.test_knowledge_writes import EVENTS, bought

from shared.knowledge import bulk
from shared.knowledge.ladybug import LadybugKnowledge
from shared.knowledge.projection import complete, digest, fold

PRODUCTS = [f"p{number}" for number in range(40)]
ROWS = dict(complete(fold([*EVENTS, *(bought(f"b{a}", a, b, user=f"u{a}") for a, b in pairwise(PRODUCTS))])))


@pytest.mark.parametrize("copied", [1, 2, 1_000])
def test_however_many_go_over_in_one_copy_the_graph_is_the_same(tmp_path, monkeypatch, copied):
    monkeypatch.setattr(bulk, "_CHUNK", 7)
    monkeypatch.setattr(bulk, "_COPIED", copied)
    knowledge = LadybugKnowledge(tmp_path, memory_mb=64)
    try:
        assert knowledge.load(ROWS.items(), []) == {"s": digest(ROWS.items())}
        assert dict(knowledge.rows("s")) == ROWS
    finally:
        knowledge.close()
