"""Rows as files: CSV that no spreadsheet takes for formulas, Parquet, and graphs as GraphML."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any
from xml.sax.saxutils import XMLGenerator
from xml.sax.xmlreader import AttributesImpl

import pyarrow as pa
from pyarrow import parquet

from shared.formulas import harmless

Rows = Iterable[Mapping[str, Any]]
Columns = Mapping[str, pa.DataType]

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


def write_csv(rows: Rows, columns: Columns, path: Path) -> int:
    """Write rows as CSV in UTF-8; return how many. A text that a spreadsheet would run gets an apostrophe before it."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        count = 0
        for count, row in enumerate(rows, 1):  # noqa: B007 (counted for the caller)
            writer.writerow([harmless(row.get(name)) for name in columns])
    return count


def write_parquet(rows: Rows, columns: Columns, path: Path) -> int:
    """Write rows as Parquet, a group at a time; return how many."""
    schema, rest, count = pa.schema(list(columns.items())), iter(rows), 0
    with parquet.ParquetWriter(path, schema) as writer:
        while group := list(islice(rest, _GROUP)):
            writer.write_table(pa.Table.from_pylist(group, schema=schema))
            count += len(group)
    return count


def write_graphml(rows: Rows, path: Path) -> int:
    """Write nodes and edges as GraphML (graphml.graphdrawing.org), as they come; return how many."""
    with path.open("w", encoding="utf-8") as file:
        xml = XMLGenerator(file, "utf-8", short_empty_elements=True)
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
