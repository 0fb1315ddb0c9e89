"""The shared statements in Neo4j's words: labels by generation, and edges that carry a unique name.

Community has one database, so a generation is a set of labels: what is `:User` in a statement is `:User_g7` there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from shared.knowledge.statements import statements
from shared.knowledge.tables import DERIVED, EDGES, LABELS, TABLES, DerivedTable, Table

_LABELS = (*LABELS.values(), "Watermark")
_OF_A_GENERATION = re.compile(r"_g(\d+)(?:_shop|_id)?$")
_LABEL = re.compile(rf":({'|'.join(_LABELS)})\b")
_CREATES_EDGE = re.compile(r"CREATE \(a\)-\[:(?P<type>\w+)(?: \{(?P<properties>.*)\})?\]->\(b\)")
_FINDS_EDGES = re.compile(
    r"MATCH \(a:\w+ \{uid: row\.source\}\)-\[e:(?P<type>\w+)\]->\(b:\w+\)\nWHERE b\.uid IN row\.targets\n"
)
_AROUND = re.compile(r"(?P<finds>.*\(b):\w+\)(?P<which>.*\n)RETURN (?P<sorted>.*)", re.DOTALL)
_EDGES = {table.kind: table for table in EDGES} | {"returned": TABLES["purchased"]}
_ON_EDGES = ("hold", "set")
_HELD = "SET e.held = true REMOVE e.held"  # nothing is said, and nobody else may write until the transaction ends
_WRITES = re.compile(r"^(?:CREATE|MERGE|SET|REMOVE|DELETE|DETACH)\b", re.MULTILINE)
_ANSWERS = re.compile(
    r"^RETURN (?:DISTINCT )?(?P<columns>(?:(?!^RETURN ).)*?)(?=\sORDER BY|\sLIMIT|\Z)", re.MULTILINE | re.DOTALL
)
_COLUMN = re.compile(r"\bAS (\w+)")
_SWEPT = 200_000  # nodes or edges that one statement removes
_BY_AND_BY = "IN TRANSACTIONS OF 10000 ROWS RETURN count(*) AS done"
_BY_LABEL = {table.label: table for table in DERIVED.values()}


@lru_cache(maxsize=4096)
def text_of(name: str, generation: int) -> str:
    """Return a statement for a generation."""
    verb, _, kind = name.partition("_")
    if kind in _EDGES and verb in _ON_EDGES:
        return _on_edges(verb, kind, generation)
    text = _CREATES_EDGE.sub(lambda found: _edge(found["type"], found["properties"], generation), statements()[name])
    return _in(_FINDS_EDGES.sub(lambda found: _found(found["type"], generation), text), generation)


@lru_cache(maxsize=4096)
def gathered(name: str, generation: int) -> tuple[str, tuple[str, ...]]:
    """Return a reading statement that answers with all its rows as one list, and its columns' names.

    The driver spends 40 to 60 µs on a record, and little on a list, which takes rows in the order they come in. No
    columns: the statement writes.
    """
    text = text_of(name, generation)
    if _WRITES.search(text) or not (found := _ANSWERS.search(text)):
        return text, ()
    columns = tuple(_COLUMN.findall(found["columns"]))
    return f"CALL () {{\n{text}\n}}\nRETURN collect([{', '.join(columns)}]) AS rows", columns


@lru_cache(maxsize=256)
def creation_of(label: str, generation: int) -> str:
    """Return the statement that creates derived edges of a kind in bulk."""
    table: DerivedTable = _BY_LABEL[label]
    source, target = LABELS[table.source], LABELS[table.target]
    properties = ", ".join(f"{name}: row.{name}" for name, _ in table.columns)
    return _in(
        f"UNWIND $rows AS row\nMATCH (a:{source} {{uid: row.source}})\nMATCH (b:{target} {{uid: row.target}})\n"
        + _edge(label, properties, generation),
        generation,
    )


@lru_cache(maxsize=256)
def around_of(names: tuple[str, ...], generation: int) -> str:
    """Return what runs statements from each of `$uids` in one go; it says their `name`, `near`, and `rows` of two.

    The statements begin at one kind of node, `MATCH (a:… {uid: $uid})` in their first line.
    """
    firsts, rests = zip(*(statements()[name].split("\n", 1) for name in names), strict=True)
    (start,) = {line.replace("$uid", "near") for line in firsts}
    each = "\nUNION ALL\n".join(map(_listed, names, rests))
    return _in(f"UNWIND $uids AS near\n{start}\nCALL (a) {{\n{each}\n}}\nRETURN name, near, rows", generation)


def _listed(name: str, rest: str) -> str:
    """Let a statement answer with one list: the driver spends 40 µs on a record.

    An edge of a kind leads to one kind of node; to look whether it does takes a third of the time.
    """
    return _AROUND.sub(
        rf"\g<finds>)\g<which>WITH \g<sorted>\nRETURN '{name}' AS name, collect([id, weight]) AS rows", rest
    )


def schema(generation: int) -> Iterator[str]:
    """Yield what makes uids unique and shops quick to find: for the generation's nodes, and for edges.

    Waits for what it made, and not for all there is: an index of another generation, whose process was ended while it
    made it, stays half made for ever.
    """
    made = list(_made(generation))
    yield from made
    yield f"UNWIND {[*map(_called, made)]} AS name CALL db.awaitIndex(name, 60) RETURN 0 AS done"


def constraints(generation: int) -> set[str]:
    """Return what a generation's constraints are called, and with them the indexes that they own."""
    return {_called(text) for text in _made(generation) if text.startswith("CREATE CONSTRAINT")}


def _called(creation: str) -> str:
    return creation.split()[2]


def _made(generation: int) -> Iterator[str]:
    yield "CREATE CONSTRAINT generation_once IF NOT EXISTS FOR (n:Generation) REQUIRE n.uid IS UNIQUE"
    for label in _LABELS:
        name = f"{label.lower()}_g{generation}"
        yield f"CREATE CONSTRAINT {name} IF NOT EXISTS FOR (n:{label}_g{generation}) REQUIRE n.uid IS UNIQUE"
    for kind, label in LABELS.items():
        name = f"{kind}_g{generation}"
        yield f"CREATE INDEX {name}_shop IF NOT EXISTS FOR (n:{label}_g{generation}) ON (n.shop)"
    yield f"CREATE INDEX user_g{generation}_id IF NOT EXISTS FOR (n:User_g{generation}) ON (n.shop, n.id)"
    edges: list[Table | DerivedTable] = [*EDGES, *DERIVED.values()]
    for edge in edges:
        yield f"CREATE CONSTRAINT {edge.kind}_once IF NOT EXISTS FOR ()-[e:{edge.label}]-() REQUIRE e.uid IS UNIQUE"


def removal(generation: int) -> Iterator[str]:
    """Yield what removes a generation; what says how much is `done` is to be repeated until nothing is.

    Transactions are small enough for any of them to fit in memory, and so is what one statement looks up beforehand:
    of 8.6 million edges it needed more than half a gigabyte.
    """
    for label in _LABELS:
        # Edges first: a node may have very many.
        yield f"MATCH (:{label}_g{generation})-[e]-() WITH e LIMIT {_SWEPT} CALL (e) {{ DELETE e }} {_BY_AND_BY}"
        yield f"MATCH (n:{label}_g{generation}) WITH n LIMIT {_SWEPT} CALL (n) {{ DETACH DELETE n }} {_BY_AND_BY}"
        yield f"DROP CONSTRAINT {label.lower()}_g{generation} IF EXISTS"
    for kind in LABELS:
        yield f"DROP INDEX {kind}_g{generation}_shop IF EXISTS"
    yield f"DROP INDEX user_g{generation}_id IF EXISTS"


def generations_in(indexes: Iterable[str]) -> list[int]:
    """Return the numbers of the generations that these indexes are of; the last step of a removal drops the last."""
    found = (_OF_A_GENERATION.search(name) for name in indexes)
    return sorted({int(one[1]) for one in found if one})


def _in(text: str, generation: int) -> str:
    return _LABEL.sub(rf":\1_g{generation}", text)


def _on_edges(verb: str, kind: str, generation: int) -> str:
    """Hold edges until the transaction ends, or set what they say; by their names, which an index knows."""
    table = _EDGES[kind]
    name = _name(generation, "row.uid") if verb == "hold" else _name(generation)
    said = (name for name, _ in table.columns if (kind, name) != ("returned", "times"))
    what = _HELD if verb == "hold" else "SET " + ", ".join(f"e.{name} = row.{name}" for name in said)
    return f"UNWIND $rows AS row\nMATCH ()-[e:{table.label} {{uid: {name}}}]->()\n{what}"


def _edge(type_: str, properties: str | None, generation: int) -> str:
    """One edge of a kind between two nodes: its name is unique, so that no race can make it twice."""
    name = f"uid: {_name(generation)}"
    return f"CREATE (a)-[:{type_} {{{', '.join(filter(None, (name, properties)))}}}]->(b)"


def _name(generation: int, ends: str = "row.source + '>' + row.target") -> str:
    """Return what tells an edge's name: each generation has its own."""
    return f"'{generation}:' + {ends}"


def _found(type_: str, generation: int) -> str:
    """Edges by their names, which an index knows.

    Whoever walks along a node's edges while others add to them may miss some, and what is not seen is not removed.
    """
    name = _name(generation, "row.source + '>' + target")
    return f"UNWIND row.targets AS target\nMATCH (a)-[e:{type_} {{uid: {name}}}]->(b)\n"
