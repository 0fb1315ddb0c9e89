"""How rows lie in a graph engine: node labels, edge kinds, their properties in order, and the way there and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.knowledge.rows import (
    Facts,
    Interested,
    Link,
    Named,
    Present,
    Purchased,
    Reacted,
    Row,
    RowKey,
    canonical_facts,
    read_facts,
    uid,
)

STRING, INTEGER, INTEGERS, REAL = "STRING", "INT64", "INT64[]", "DOUBLE"


@dataclass(frozen=True)
class Table:
    """A node label or an edge kind; `columns` are the properties that a row is made of, `derived` the others."""

    kind: str
    label: str
    row: type[Row]
    columns: tuple[tuple[str, str], ...]
    source: str = ""  # an edge's ends, as kinds of nodes
    target: str = ""
    derived: tuple[tuple[str, str, Any], ...] = ()  # name, type, what a new node says

    @property
    def is_node(self) -> bool:
        """Say whether rows are nodes."""
        return not self.source

    def address(self, key: RowKey) -> tuple[str, ...]:
        """Return the uid of a node, or those of an edge's two ends."""
        if self.is_node:
            return (uid(key[0], key[1], key[2]),)
        return uid(self.source, key[1], key[2]), uid(self.target, key[1], key[3])

    def parameters(self, key: RowKey, row: Row) -> dict[str, Any]:
        """Return the parameters that write a row."""
        if self.is_node:
            head = {"uid": uid(key[0], key[1], key[2]), "shop": key[1], "id": key[2]}
        else:
            source, target = self.address(key)
            head = {"source": source, "target": target}
        return head | self._properties(row)

    def values(self, row: Row) -> tuple[Any, ...]:
        """Return a row's properties in the order of the columns."""
        return (canonical_facts(row.facts),) if isinstance(row, Facts) else tuple(row)

    def key(self, shop: str, record: Mapping[str, Any]) -> RowKey:
        """Return the key of a row that was read with the ids of its ends."""
        if self.is_node:
            return self.kind, shop, record["id"]
        return self.kind, shop, record["source"], record["target"]

    def read(self, record: Mapping[str, Any]) -> Row:
        """Return the row that an engine's answer tells."""
        if self.row is Facts:
            return read_facts(record["facts"])
        if self.row is Purchased:
            return Purchased(tuple(record["times"] or ()), *(record[name] for name, _ in self.columns[1:]))
        return self.row(*(record[name] for name, _ in self.columns))

    def _properties(self, row: Row) -> dict[str, Any]:
        if isinstance(row, Facts):
            return {"facts": canonical_facts(row.facts)}
        properties = row._asdict()
        if isinstance(row, Purchased):
            properties["times"] = list(row.times)
        return properties


def _integers(*names: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, INTEGER) for name in names)


_FACTS = (("facts", STRING),)
NODES: Sequence[Table] = (
    Table(
        "shop",
        "Shop",
        Present,
        _integers("last_at"),
        derived=(("parameters", STRING, ""), ("refreshed_at", INTEGER, 0)),
    ),
    Table("user", "User", Facts, _FACTS),
    Table(
        "product",
        "Product",
        Facts,
        _FACTS,
        derived=(("popular", INTEGER, 0), ("newcomers", REAL, 0.0), ("loyalty", REAL, 1.0)),
    ),
    Table("interest", "Interest", Named, (("kind", STRING), ("name", STRING))),
)
EDGES: Sequence[Table] = (
    Table(
        "purchased",
        "PURCHASED",
        Purchased,
        (("times", INTEGERS), *_integers("quantity", "spend", "refunded", "returned"), ("currency", STRING)),
        source="user",
        target="product",
    ),
    Table(
        "interested",
        "INTERESTED_IN",
        Interested,
        (("stated", INTEGER), ("stated_stamp", STRING), *_integers("observed", "at")),
        source="user",
        target="interest",
    ),
    Table(
        "reacted",
        "REACTED_TO",
        Reacted,
        (
            *_integers("views", "viewed_at", "wished_at", "rating"),
            ("rating_stamp", STRING),
            *_integers("dismissed_at"),
        ),
        source="user",
        target="product",
    ),
    Table("about", "ABOUT", Link, (), source="product", target="interest"),
    Table("within", "WITHIN", Link, (), source="interest", target="interest"),
)
TABLES: Mapping[str, Table] = {table.kind: table for table in (*NODES, *EDGES)}


@dataclass(frozen=True)
class DerivedTable:
    """A kind of edge that refreshing makes, outside the digest."""

    kind: str
    label: str
    source: str
    target: str
    columns: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class DerivedNode:
    """A kind of node that refreshing makes, outside the digest; it has an id and nothing else."""

    kind: str
    label: str


COMMUNITY = DerivedNode("community", "Community")
LABELS: Mapping[str, str] = {node.kind: node.label for node in NODES} | {COMMUNITY.kind: COMMUNITY.label}

DERIVED: Mapping[str, DerivedTable] = {
    table.kind: table
    for table in (
        # The target's id stands on the edge too: who only wants to know whereto need not visit the node.
        DerivedTable(
            "bought_with",
            "BOUGHT_WITH",
            "product",
            "product",
            (("score", REAL), ("support", INTEGER), ("product", STRING)),
        ),
        DerivedTable("similar_to", "SIMILAR_TO", "user", "user", (("score", REAL), ("support", INTEGER))),
        DerivedTable("popular", "POPULAR", "shop", "product", (("buyers", INTEGER),)),
        DerivedTable("popular_in", "POPULAR_IN", "interest", "product", (("buyers", INTEGER),)),
        DerivedTable("matches", "MATCHES", "interest", "interest", (("likeness", REAL),)),
        DerivedTable("member_of", "MEMBER_OF", "user", "community", ()),
        DerivedTable(
            "typical", "TYPICAL", "community", "product", (("place", INTEGER), ("buyers", INTEGER), ("lift", REAL))
        ),
    )
}
