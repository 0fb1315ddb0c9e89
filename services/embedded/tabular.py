"""CSV and Parquet files to import, read through a map of columns as items of the API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import compute as pc
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from services.embedded.sources import KINDS, Item, Source
from shared.errors import UsageError

_CHUNK = 65_536
_REQUIRED: dict[str, tuple[str, ...]] = {
    "purchases": ("purchase_id", "user_id", "purchased_at", "currency", "product_id", "quantity", "unit_price"),
    "interests": ("user_id",),
    "products": ("product_id",),
    "users": ("user_id",),
}
_HEAD = ("purchase_id", "user_id", "purchased_at", "currency")


def open_table(path: Path, kind: str, columns: Mapping[str, str], constants: Mapping[str, str]) -> Source:
    """Open a table; see `open_source`."""
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
