"""Files to import, read as items of the API: NDJSON as it stands, others as tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from shared.contracts.events import InterestExpressed, ProductUpdated, PurchaseLine, PurchaseRecorded, UserUpdated
from shared.errors import InvalidInputError, UsageError
from shared.web import strictjson

_SAMPLE = 1_000  # lines of a text file by which their number is estimated
KINDS: dict[str, tuple[str, ...]] = {
    "purchases": tuple(name for name in PurchaseRecorded.model_fields if name != "lines")
    + tuple(PurchaseLine.model_fields),
    "interests": tuple(InterestExpressed.model_fields),
    "products": tuple(ProductUpdated.model_fields),
    "users": tuple(UserUpdated.model_fields),
}


@dataclass(frozen=True)
class Item:
    """One item of a file: where it starts (from 1), and the API's object, or why it cannot be read."""

    row: int
    value: Any
    error: str = ""


@dataclass(frozen=True)
class Source:
    """A file that can be read from any row on.

    `total` counts its rows where that is known beforehand; `items` is about how many items of the API they make.
    """

    path: Path
    total: int | None
    items: int
    read: Callable[[int], Iterator[Item]]


def open_source(path: Path, kind: str, columns: Mapping[str, str], constants: Mapping[str, str]) -> Source:
    """Open a file by its name's ending.

    Args:
        path: `.ndjson`/`.jsonl`/`.json` (an item per line), `.csv` or `.parquet`.
        kind: purchases, interests, products or users.
        columns: field → column, for CSV and Parquet; columns named like a field map themselves.
        constants: field → value for every row, for what the file does not hold (the currency, say).

    Raises:
        UsageError: no such file, an unknown ending, or columns that are not there.
    """
    if kind not in KINDS:
        raise UsageError(f"--kind takes {', '.join(KINDS)}")
    if not path.is_file():
        raise UsageError(f"{path}: {'is a directory' if path.is_dir() else 'no such file'}")
    match path.suffix.lower():
        case ".ndjson" | ".jsonl" | ".json":
            return Source(path, None, _estimated(path), lambda start: _lines(path, start))
        case ".csv" | ".parquet" | ".pq":
            from services.embedded.tabular import open_table  # who reads lines need not load what reads tables

            return open_table(path, kind, columns, constants)
        case other:
            raise UsageError(
                f"{path}: cannot read {other or 'a file without an ending'}; give .ndjson, .csv or .parquet"
            )


def _estimated(path: Path) -> int:
    with path.open("rb") as file:
        sizes = [len(line) for line in islice(file, _SAMPLE)]
    return round(path.stat().st_size * len(sizes) / sum(sizes)) if sizes else 0


def _lines(path: Path, start: int) -> Iterator[Item]:
    with path.open("rb") as file:
        for row, line in enumerate(islice(file, start, None), start + 1):
            if line.strip():
                yield _line(row, line)


def _line(row: int, line: bytes) -> Item:
    try:
        return Item(row, strictjson.loads(line))
    except InvalidInputError as error:
        return Item(row, None, str(error))
