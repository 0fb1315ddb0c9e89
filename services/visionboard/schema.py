"""The board's JSON Schema: `python -m services.visionboard.schema` writes it to docs/schemas/board.schema.json."""

from __future__ import annotations

import json
from pathlib import Path

from services.visionboard.model import Board

FILE = Path("docs/schemas/board.schema.json")


def schema() -> str:
    """Return the published schema, as text."""
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://tastegraph.example/schemas/board.schema.json",
    }
    return json.dumps({**head, **Board.model_json_schema()}, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(schema(), encoding="utf-8")
