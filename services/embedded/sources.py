"""Files to import, read as items of the API: NDJSON as it stands, CSV and Parquet through a map of columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import compute as pc
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from shared.contracts.events import InterestExpressed, ProductUpdated, PurchaseLine, PurchaseRecorded, UserUpdated
from shared.errors import InvalidInputError, UsageError
from shared.web import strictjson

_CHUNK = 65_536
_SAMPLE = 1_000  # lines of a text file by which their number is estimated
KINDS: dict[str, tuple[str, ...]] = {
    "purchases": tuple(name for name in PurchaseRecorded.model_fields if name != "lines")
    + tuple(PurchaseLine.model_fields),
    "interests": tuple(InterestExpressed.model_fields),
    "products": tuple(ProductUpdated.model_fields),
    "users": tuple(UserUpdated.model_fields),
}
_REQUIRED: dict[str, tuple[str, ...]] = {
    "purchases": ("purchase_id", "user_id", "purchased_at", "currency", "product_id", "quantity", "unit_price"),
    "interests": ("user_id",),
    "products": ("product_id",),
    "users": ("user_id",),
}
_HEAD = ("purchase_id", "user_id", "purchased_at", "currency")


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
            return _tabular(path, kind, columns, constants)
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


def _tabular(path: Path, kind: str, columns: Mapping[str, str], constants: Mapping[str, str]) -> Source:
    names = _column_names(path)
    chosen = {field: columns.get(field, field) for field in KINDS[kind] if field in columns or field in names}
    _check_columns(path, kind, names, columns, {*chosen, *constants})
    table = _read(path, sorted(set(chosen.values())))
    if kind == "purchases" and "purchase_id" not in constants:
        return _grouped(path, table, chosen, constants)
    return Source(path, table.num_rows, table.num_rows, lambda start: _flat(table, chosen, constants, start))


def _check_columns(path: Path, kind: str, names: list[str], columns: Mapping[str, str], given: set[str]) -> None:
    unknown = sorted(set(columns) - set(KINDS[kind]))
    absent = sorted(column for column in columns.values() if column not in names)
    missing = [field for field in _REQUIRED[kind] if field not in given]
    if unknown:
        raise UsageError(f"--map: {kind} have no field {', '.join(unknown)}; they have {', '.join(KINDS[kind])}")
    if absent:
        raise UsageError(f"{path}: no column {', '.join(absent)}; it has {', '.join(names)}")
    if missing:
        raise UsageError(
            f"{path}: nothing gives {', '.join(missing)}; map columns with --map field=column or values with --set "
            f"field=value; it has {', '.join(names)}"
        )


def _column_names(path: Path) -> list[str]:
    try:
        if path.suffix.lower() == ".csv":
            with path.open(encoding="utf-8-sig") as file:
                return [name.strip().strip('"') for name in file.readline().rstrip("\r\n").split(",")]
        return list(parquet.read_schema(path).names)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from None


def _read(path: Path, columns: list[str]) -> pa.Table:
    try:
        if path.suffix.lower() == ".csv":
            as_text = arrow_csv.ConvertOptions(
                include_columns=columns, column_types=dict.fromkeys(columns, pa.string())
            )
            return arrow_csv.read_csv(path, convert_options=as_text)
        return parquet.read_table(path, columns=columns)
    except pa.ArrowException as error:
        raise UsageError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from None


def _flat(table: pa.Table, chosen: Mapping[str, str], constants: Mapping[str, str], start: int) -> Iterator[Item]:
    for row, value in _values(table, chosen, constants, start):
        yield Item(row, value)


def _grouped(path: Path, table: pa.Table, chosen: Mapping[str, str], constants: Mapping[str, str]) -> Source:
    """A purchase's rows need not stand together: sorting brings them there, and keeps the order within."""
    key = chosen["purchase_id"]
    table = table.append_column("_row", pa.array(range(1, table.num_rows + 1)))
    table = table.sort_by([(key, "ascending"), ("_row", "ascending")])

    def read(start: int) -> Iterator[Item]:
        rows = _values(table, chosen, constants, 0)
        for _, group in groupby(rows, key=lambda numbered: numbered[1].get("purchase_id")):
            lines = list(group)
            if lines[-1][0] > start:
                yield _purchase(lines)

    return Source(path, table.num_rows, pc.count_distinct(table[key]).as_py(), read)


def _purchase(rows: list[tuple[int, dict[str, Any]]]) -> Item:
    heads = [{field: value[field] for field in _HEAD if field in value} for _, value in rows]
    lines = [{field: item for field, item in value.items() if field not in _HEAD} for _, value in rows]
    last = rows[-1][0]
    if any(head != heads[0] for head in heads):
        return Item(
            last, {"rows": [value for _, value in rows]}, "rows of one purchase differ in user, time or currency"
        )
    return Item(last, {**heads[0], "lines": lines})


def _values(
    table: pa.Table, chosen: Mapping[str, str], constants: Mapping[str, str], start: int
) -> Iterator[tuple[int, dict[str, Any]]]:
    pick = [(field, column) for field, column in chosen.items() if field not in constants]
    row = start
    for batch in table.slice(start).select([column for _, column in pick]).to_batches(_CHUNK):
        columns = [[_plain(field, cell) for cell in batch.column(at).to_pylist()] for at, (field, _) in enumerate(pick)]
        for cells in zip(*columns, strict=True):
            row += 1
            present = {field: cell for (field, _), cell in zip(pick, cells, strict=True) if cell not in (None, "")}
            yield row, present | dict(constants)


_TEXT_FIELDS = frozenset({"categories", "tags"})


def _plain(field: str, cell: Any) -> Any:
    """Turn a cell into the API's JSON: times with a zone (UTC unless given), ids as text, categories split at ` > `."""
    if isinstance(cell, datetime):
        return (cell if cell.tzinfo else cell.replace(tzinfo=UTC)).isoformat()
    if field.endswith("_id") or field in {"name", "brand"}:
        return None if cell is None else str(cell)
    if field in _TEXT_FIELDS and isinstance(cell, str):
        return [part.strip() for part in cell.split(">") if part.strip()]
    return cell
