"""A generation of the Neo4j graph is ready when its own indexes are, whatever another one left behind."""

from __future__ import annotations

import re

from shared.knowledge.neo4j_text import schema


def test_what_was_made_is_waited_for_and_nothing_else() -> None:
    *made, waits = schema(7)
    names = [re.fullmatch(r"CREATE (?:CONSTRAINT|INDEX) (\w+) IF NOT EXISTS FOR .*", text)[1] for text in made]
    assert len(names) > 20
    assert re.findall(r"'(\w+)'", waits) == names
    assert "awaitIndexes" not in waits
