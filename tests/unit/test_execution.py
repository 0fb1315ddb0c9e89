"""Answers of the embedded graph engine: the same however they are fetched, and without libraries that load slowly."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.knowledge.execution import execute, stream
from shared.knowledge.generation import Generation

ROWS = """
UNWIND range(1, {count}) AS i
RETURN i, CAST(i AS DOUBLE) / 2 AS half, [i, -i] AS both, CASE i % 3 WHEN 0 THEN NULL ELSE 'x' END AS said
"""


@pytest.fixture(scope="module")
def generation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Generation]:
    generation = Generation.create(tmp_path_factory.mktemp("graph") / "gen-1", 64)
    yield generation
    generation.retire()


@pytest.mark.parametrize("count", [0, 1, 19, 20, 21, 3_000])
def test_many_rows_say_the_same_as_rows_fetched_one_by_one(generation: Generation, count: int) -> None:
    asked = ROWS.format(count=count)
    rows, one_by_one = execute(generation.writer, asked), list(stream(generation.writer, asked))
    assert rows == one_by_one
    assert len(rows) == count
    assert [[type(value) for value in row.values()] for row in rows[:20]] == [
        [type(value) for value in row.values()] for row in one_by_one[:20]
    ]


def test_reading_numbers_does_not_load_what_takes_longer_than_an_answer(tmp_path: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from shared.knowledge.generation import Generation
from shared.knowledge.ladybug_near import arrays
generation = Generation.create(Path({str(tmp_path / "gen-1")!r}), 64)
for count in (0, 5, 60_000):
    told = arrays(generation.writer, f"UNWIND range(1, {{count}}) AS i RETURN i, CAST(i AS DOUBLE) / 2 AS half", {{}})
    assert told["i"].tolist() == list(range(1, count + 1)), count
    assert len(told["half"]) == count
print("pandas" in sys.modules)
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (told.stdout, told.stderr) == ("False\n", "")
