"""A graph as canonical rows in a directory, with its digests: a copy that any engine can be filled from."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from shared.bus.port import Position
from shared.errors import InvalidInputError
from shared.knowledge.rows import Digests, Facts, Purchased, Row, RowKey
from shared.knowledge.tables import TABLES

_ROWS, _MANIFEST = "rows.ndjson.gz", "manifest.json"


def write_copy(directory: str, rows: Iterable[tuple[RowKey, Row]], watermarks: Sequence[Position]) -> None:
    """Write rows and watermarks into an empty directory.

    Raises:
        InvalidInputError: the directory is not empty.
    """
    target = Path(directory)
    target.mkdir(parents=True, exist_ok=True)
    if any(target.iterdir()):
        raise InvalidInputError("a snapshot needs an empty directory")
    digests = Digests()
    with gzip.open(target / _ROWS, "wt", encoding="utf-8") as file:
        for key, row in digests.over(rows):
            file.write(json.dumps([key, row]) + "\n")
    manifest = {
        "sha256": _sha256(target / _ROWS),
        "shops": digests.by_shop(),
        "watermarks": [asdict(position) for position in watermarks],
    }
    (target / _MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True))


def read_copy(directory: str) -> tuple[Iterator[tuple[RowKey, Row]], list[Position]]:
    """Return the rows and watermarks of a copy.

    Raises:
        InvalidInputError: it is no snapshot, or was altered since.
    """
    source = Path(directory)
    try:
        manifest: Mapping[str, Any] = json.loads((source / _MANIFEST).read_text())
        altered = _sha256(source / _ROWS) != manifest["sha256"]
        watermarks = [Position(**position) for position in manifest["watermarks"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInputError("this is no snapshot: its manifest or rows are missing") from error
    if altered:
        raise InvalidInputError(f"the snapshot was altered since it was made: {_ROWS}")
    return _rows(source / _ROWS), watermarks


def _rows(path: Path) -> Iterator[tuple[RowKey, Row]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            key, values = json.loads(line)
            yield tuple(key), _row(key[0], values)


def _row(kind: str, values: Sequence[Any]) -> Row:
    made = TABLES[kind].row
    if made is Facts:
        return Facts({field: (stamp, value) for field, (stamp, value) in values[0].items()})
    if made is Purchased:
        return Purchased(tuple(values[0]), *values[1:])
    return made(*values)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
