"""A generation of the embedded graph knows what serves every answer before it counts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from contract.reads_ground import bought

from shared.bus.port import Position
from shared.knowledge.insight import Insight
from shared.knowledge.ladybug import LadybugKnowledge
from shared.knowledge.projection import complete, fold
from shared.knowledge.rows import digest

ROWS = tuple(complete(fold([bought("p1", "ann", "milk", moment=1_000), bought("p2", "bob", "bread", moment=2_000)])))
AT = [Position("log", "commerce.purchases.v1", 0, 1)]


@pytest.fixture
def graph(tmp_path: Path) -> Iterator[LadybugKnowledge]:
    with closing(LadybugKnowledge(tmp_path / "knowledge", memory_mb=256)) as graph:
        yield graph


def test_it_was_asked_about_somebody_before_the_switch(
    graph: LadybugKnowledge, monkeypatch: pytest.MonkeyPatch
) -> None:
    switched = graph.engine.switch
    asked: list[tuple[bool, set[str]]] = []

    def watched(generation) -> None:
        asked.append((generation is graph.engine.current, set(generation.kept.ids["product"]._ids.values())))
        switched(generation)

    monkeypatch.setattr(graph.engine, "switch", watched)
    graph.load(ROWS, AT)
    assert asked == [(False, {"milk", "bread"})]


def test_an_empty_graph_counts_too(graph: LadybugKnowledge) -> None:
    graph.load([], [])
    assert graph.users("s") == []


def test_a_graph_that_cannot_answer_for_somebody_counts_all_the_same(
    graph: LadybugKnowledge, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoiled(*_: object) -> Insight:
        raise ZeroDivisionError

    monkeypatch.setattr(graph, "insight", spoiled)
    graph.load(ROWS, AT)
    assert digest(graph.rows("s")) == digest(ROWS)
    assert graph.watermarks() == AT
