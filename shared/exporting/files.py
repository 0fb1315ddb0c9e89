"""Rows as files: CSV that no spreadsheet takes for formulas, Parquet, and graphs as GraphML."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, BinaryIO
from xml.sax.saxutils import XMLGenerator
from xml.sax.xmlreader import AttributesImpl

import pyarrow as pa
from pyarrow import parquet

from shared.exporting.rows import FIGURES
from shared.formulas import harmless

Rows = Iterable[Mapping[str, Any]]
Columns = Mapping[str, pa.DataType]

_TRENDS = ("start", "key", "count", "quantity", "revenue", "currency", "buyers", "score")
TABLES: Mapping[str, Sequence[str]] = {
    "nodes": ("node", "kind", "id", "name", "properties"),
    "edges": ("source", "target", "kind", "properties"),
    "trends": _TRENDS,
    "compared": (*_TRENDS, *(f"{name}_{figure}" for name in ("previous", "change") for figure in FIGURES)),
    "recommendations": ("user_id", "slate", "rank", "product_id", "name", "score", "reason", "decision_id"),
    "communities": ("community", "words", "members", "user_id"),
}
_NUMBERS = ("count", "buyers", "rank", "members")  # a name may end so
_EXACT = ("quantity", "revenue", "score")  # likewise: decimals as text, which may be negative, and never formulas
_GROUP = 50_000
_KEYS = (
    ("node", "kind"),
    ("node", "id"),
    ("node", "name"),
    ("node", "properties"),
    ("edge", "kind"),
    ("edge", "properties"),
)
_NO_XML = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF), "\ufffd")


def write(table: str, rows: Rows, file: BinaryIO, format: str) -> int:
    """Write rows of one of our tables as `csv` or `parquet`; return how many."""
    floats = {"score": pa.float64()} if table == "recommendations" else {}  # a mean relevance is exact, as text
    types = {name: pa.int64() if name.endswith(_NUMBERS) else floats.get(name, pa.string()) for name in TABLES[table]}
    return (write_csv if format == "csv" else write_parquet)(rows, types, file)


def write_csv(rows: Rows, columns: Columns, file: BinaryIO) -> int:
    """Write rows as CSV in UTF-8; return how many. A text that a spreadsheet would run gets an apostrophe before it."""
    text = io.TextIOWrapper(file, "utf-8", newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007 (counted for the caller)
        writer.writerow([row.get(name) if name.endswith(_EXACT) else harmless(row.get(name)) for name in columns])
    text.detach()
    return count


def write_parquet(rows: Rows, columns: Columns, file: BinaryIO) -> int:
    """Write rows as Parquet, a group at a time; return how many."""
    schema, rest, count = pa.schema(list(columns.items())), iter(rows), 0
    with parquet.ParquetWriter(file, schema) as writer:
        while group := list(islice(rest, _GROUP)):
            writer.write_table(pa.Table.from_pylist(group, schema=schema))
            count += len(group)
    return count


def write_graphml(rows: Rows, file: BinaryIO) -> int:
    """Write nodes and edges as GraphML (graphml.graphdrawing.org), as they come; return how many."""
    text = io.TextIOWrapper(file, "utf-8")
    xml = XMLGenerator(text, "utf-8", short_empty_elements=True)
    xml.startDocument()
    xml.startElement("graphml", AttributesImpl({"xmlns": "http://graphml.graphdrawing.org/xmlns"}))
    for kind, name in _KEYS:
        names = {"id": f"{kind}_{name}", "for": kind, "attr.name": name, "attr.type": "string"}
        xml.startElement("key", AttributesImpl(names))
        xml.endElement("key")
    xml.startElement("graph", AttributesImpl({"edgedefault": "directed"}))
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007 (counted for the caller)
        _element(xml, row)
    xml.endElement("graph")
    xml.endElement("graphml")
    xml.endDocument()
    text.detach()
    return count


def _element(xml: XMLGenerator, row: Mapping[str, Any]) -> None:
    kind = "node" if "node" in row else "edge"
    ends = {"id": row["node"]} if kind == "node" else {"source": row["source"], "target": row["target"]}
    xml.startElement(kind, AttributesImpl({name: str(value).translate(_NO_XML) for name, value in ends.items()}))
    for of, name in _KEYS:
        if of == kind and row.get(name):
            xml.startElement("data", AttributesImpl({"key": f"{kind}_{name}"}))
            xml.characters(str(row[name]).translate(_NO_XML))
            xml.endElement("data")
    xml.endElement(kind)


def split(rows: Rows, first: Callable[[Mapping[str, Any]], bool]) -> tuple[Iterator[Mapping[str, Any]], Rows]:
    """Return the leading rows for which `first` holds, and the others, which may be read once those have been."""
    source, over = iter(rows), []

    def leading() -> Iterator[Mapping[str, Any]]:
        for row in source:
            if not first(row):
                over.append(row)
                return
            yield row

    def others() -> Iterator[Mapping[str, Any]]:
        yield from over
        yield from source

    return leading(), others()
