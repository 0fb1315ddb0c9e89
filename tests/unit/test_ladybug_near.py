"""The embedded graph engine answers without libraries that load slowly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


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
