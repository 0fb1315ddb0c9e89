"""The write side of the knowledge port, the same on every engine: read what stands, merge (`rows`), write it back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from shared.bus.port import Position
from shared.courtesy import considerate
from shared.errors import ConflictError, UnavailableError
from shared.knowledge.derived import write_amendment, write_derived, write_matches
from shared.knowledge.engine import Engine
from shared.knowledge.port import Amendment, Derived, PurchaseMatrix, unchecked
from shared.knowledge.projection import about
from shared.knowledge.rows import Delta, Facts, Link, Row, RowKey, digest, merge, uid
from shared.knowledge.tables import EDGES, NODES, TABLES, Table

if TYPE_CHECKING:
    import numpy as np

Group = Mapping[RowKey, Row]

_CHUNK = 1_000  # nodes read at a time
# A shop comes last: every batch writes it, and who does so keeps the others waiting until its transaction ends.
_ORDER = (*(node for node in NODES if node.kind != "shop"), *EDGES, TABLES["shop"])


class Writing:
    """Writes through `engine`; an engine's own class adds `load`, `snapshot`, `restore`, `status` and `close`."""

    engine: Engine

    def watermarks(self) -> list[Position]:
        """Return, per log, topic and partition, the last position whose effects the graph holds."""
        # One that is being deleted just now (somebody wipes the server) may be told without what it says.
        found = [row for row in self.engine.run("watermarks") if row["position"] is not None]
        return sorted(Position(row["log"], row["topic"], row["partition"], row["position"]) for row in found)

    def apply(self, delta: Delta, watermarks: Sequence[Position], check: Callable[[], None] = unchecked) -> None:
        """Merge a delta into the graph and advance the watermarks, in one transaction (see the port)."""
        with self.engine.transaction():
            self._advance(watermarks)
            check()
            groups = _by_kind(delta)
            new: Group = {}
            for table in _ORDER:
                if group := groups.get(table.kind):
                    held = self._merge(table, group)
                    if table.kind == "product":
                        new, gone = _about_changes(group, held)
                        self._delete(TABLES["about"], gone)
                if table.kind == "about":
                    self._write("create", table, new)  # not there, for their products' facts did not ask for them

    def rows(self, shop: str) -> Iterator[tuple[RowKey, Row]]:
        """Yield every canonical row of a shop (never derived ones), in any order."""
        for table in NODES:
            yield from self._nodes(table, shop)
        for table in EDGES:
            for record in self.engine.stream(f"rows_{table.kind}", {"shop": shop}):
                yield table.key(shop, record), table.read(record)

    def shops(self) -> list[str]:
        """Return the shops that have nodes."""
        return [row["shop"] for row in self.engine.run("shops")]

    def _prove(self, given: Mapping[str, str]) -> None:
        """Refuse a fresh graph from which other digests, by shop, are read back than those of what it was given."""
        if {shop: digest(self.rows(shop)) for shop in self.shops()} != given:
            raise UnavailableError("the fresh graph does not hold what it was given; the old one stays")

    def mend(self, shop: str, put: Iterable[tuple[RowKey, Row]], delete: Iterable[RowKey]) -> None:
        """Write and remove exact rows of a shop, in one transaction; `ABOUT` edges are rows like others here."""
        puts = _by_kind({key: row for key, row in put if key[1] == shop})
        deletes = _by_kind(dict.fromkeys((key for key in delete if key[1] == shop), Link()))
        with self.engine.transaction():
            for table in (*EDGES, *NODES):
                self._delete(table, deletes.get(table.kind, {}))
            for table in (*NODES, *EDGES):
                self._put(table, puts.get(table.kind, {}))

    def purchases(self, shop: str, users: Sequence[str] | None = None) -> PurchaseMatrix:
        """Return every purchase of a shop, or of some users; in one order, whatever the engine's own is."""
        if users is None:
            return _matrix(self.engine.stream("purchases", {"shop": shop}))
        uids = [uid("user", shop, user) for user in users]
        return _matrix(self.engine.stream("purchases_of", {"uids": uids}) if uids else [])

    def abouts(self, shop: str) -> Mapping[str, Sequence[str]]:
        """Return, per product, the interest ids it is about (its category and their parents, brand, tags)."""
        found: dict[str, list[str]] = defaultdict(list)
        for row in considerate(self.engine.stream("rows_about", {"shop": shop})):
            found[row["source"]].append(row["target"])
        return {product: sorted(found[product]) for product in sorted(found)}

    def refresh(self, shop: str, derived: Derived) -> None:
        """Replace a shop's derived edges and popularity, in transactions short enough for events to go on between."""
        write_derived(self.engine, shop, derived)

    def amend(self, shop: str, amendment: Amendment) -> None:
        """Write what changed of a shop's derived edges, in transactions as short as those of `refresh`."""
        write_amendment(self.engine, shop, amendment)

    def match(self, shop: str, matches: Sequence[tuple[str, str, float]]) -> None:
        """Replace what free-word interests were matched to, in one transaction."""
        write_matches(self.engine, shop, matches)

    def interests(self, shop: str, kind: str) -> Mapping[str, str]:
        """Return interest ids of a kind (category, brand, tag) and their names."""
        return {row["id"]: row["name"] for row in self.engine.run("named", {"shop": shop, "kind": kind})}

    def _nodes(self, table: Table, shop: str) -> Iterator[tuple[RowKey, Row]]:
        """Read nodes the way that writes do, by uid: one that is there but cannot be found so counts as missing."""
        ids = [record["id"] for record in considerate(self.engine.stream(f"ids_{table.kind}", {"shop": shop}))]
        for start in range(0, len(ids), _CHUNK):
            keys: Group = {(table.kind, shop, one): Link() for one in ids[start : start + _CHUNK]}
            yield from self._held(table, keys).items()

    def _advance(self, watermarks: Sequence[Position]) -> None:
        self.engine.hold("watermark", _watermark_rows(watermarks))
        held = {(at.log, at.topic, at.partition): at.offset for at in self.watermarks()}
        for at in watermarks:
            if held.get((at.log, at.topic, at.partition), -1) >= at.offset:
                raise ConflictError(f"the graph already holds {at.topic}/{at.partition} up to {at.offset}")
        put_watermarks(self.engine, watermarks)

    def _merge(self, table: Table, group: Group) -> dict[RowKey, Row]:
        """Merge rows into those that stand; return what stood before."""
        if table.columns and not (table.is_node or self.engine.replaces_edges):
            self.engine.hold(table.kind, [{"uid": ">".join(table.address(key))} for key in group])
        held = self._held(table, group)
        changed = _changes(group, held)
        nodes = [{"uid": table.address(key)[0]} for key in changed if table.is_node]
        if nodes and self.engine.hold(table.kind, nodes):
            held |= self._held(table, changed)
            changed = _changes(group, held)
        new = {key: row for key, row in group.items() if key not in held}
        if table.is_node or not self.engine.replaces_edges:
            self._write("set", table, changed)
        else:
            self._delete(table, changed)
            new |= changed
        self._write("create", table, new)
        return held

    def _held(self, table: Table, group: Group) -> dict[RowKey, Row]:
        keys = {table.address(key): key for key in group}
        if table.is_node:
            found = self.engine.run(f"read_{table.kind}", {"uids": [address[0] for address in keys]})
            return {keys[(record["uid"],)]: table.read(record) for record in found}
        found = self.engine.run(f"read_{table.kind}", {"rows": _ends(keys)})
        return {keys[record["source"], record["target"]]: table.read(record) for record in found}

    def _put(self, table: Table, group: Group) -> None:
        """Write rows exactly as given, whatever stood there; an edge that stood twice stands once after."""
        if not group:
            return
        if not table.is_node:
            self._delete(table, group)
            self._write("create", table, group)
            return
        keys = {table.address(key)[0]: key for key in group}
        there = {keys[row["uid"]] for row in self.engine.run(f"present_{table.kind}", {"uids": list(keys)})}
        self._write("set", table, {key: row for key, row in group.items() if key in there})
        self._write("create", table, {key: row for key, row in group.items() if key not in there})

    def _delete(self, table: Table, keys: Iterable[RowKey]) -> None:
        addresses = [table.address(key) for key in keys]
        if addresses and table.is_node:
            self.engine.run(f"delete_{table.kind}", {"uids": [address[0] for address in addresses]})
        elif addresses:
            self.engine.run(f"delete_{table.kind}", {"rows": _ends(addresses)})

    def _write(self, verb: str, table: Table, group: Group) -> None:
        statements: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for key, row in group.items():
            parameters = table.parameters(key, row)
            # An empty list has no type that an engine could infer: such rows go without it.
            returned_only = parameters.get("times") == []
            if returned_only:
                del parameters["times"]
            statements["returned" if returned_only else table.kind].append(parameters)
        for kind, parameters_list in statements.items():
            self.engine.run(f"{verb}_{kind}", {"rows": parameters_list})


def put_watermarks(engine: Engine, watermarks: Sequence[Position]) -> None:
    """Write watermarks as they are given."""
    if watermarks:
        engine.run("put_watermarks", {"rows": _watermark_rows(watermarks)})


def _matrix(rows: Iterable[Mapping[str, Any]]) -> PurchaseMatrix:
    import numpy as np  # only who refreshes has it; the services that read do not

    users: dict[str, int] = {}
    products: dict[str, int] = {}
    found: list[tuple[int, int, int]] = []
    for row in considerate(rows):
        user = users.setdefault(row["source"], len(users))
        product = products.setdefault(row["target"], len(products))
        found += [(user, product, at) for at in row["times"] or ()]
    columns = np.array(found, dtype=np.int64).reshape(-1, 3)
    user_index, product_index = _sorted_index(users)[columns[:, 0]], _sorted_index(products)[columns[:, 1]]
    order = np.lexsort((columns[:, 2], product_index, user_index))
    return PurchaseMatrix(sorted(users), sorted(products), user_index[order], product_index[order], columns[order, 2])


def _sorted_index(names: Mapping[str, int]) -> np.ndarray:
    """Return where each name, by the number that it has, stands among all of them in order."""
    import numpy as np

    places = np.zeros(len(names), dtype=np.int64)
    for place, name in enumerate(sorted(names)):
        places[names[name]] = place
    return places


def _watermark_rows(watermarks: Sequence[Position]) -> list[dict[str, Any]]:
    return [
        {
            "uid": uid("watermark", at.log, f"{at.topic}/{at.partition}"),
            "log": at.log,
            "topic": at.topic,
            "partition": at.partition,
            "position": at.offset,
        }
        for at in watermarks
    ]


def _changes(group: Group, held: Group) -> dict[RowKey, Row]:
    """Return the rows that stand and say something else once merged."""
    merged = {key: merge(held[key], row) for key, row in group.items() if key in held}
    return {key: row for key, row in merged.items() if row != held[key]}


def _by_kind(delta: Mapping[RowKey, Row]) -> dict[str, dict[RowKey, Row]]:
    groups: dict[str, dict[RowKey, Row]] = defaultdict(dict)
    for key, row in delta.items():
        groups[key[0]][key] = row
    return groups


def _ends(addresses: Iterable[tuple[str, ...]]) -> list[dict[str, Any]]:
    """Group edges by where they begin: an engine goes through the edges of each beginning once."""
    targets: dict[str, list[str]] = defaultdict(list)
    for source, target in addresses:
        targets[source].append(target)
    return [{"source": source, "targets": ends} for source, ends in targets.items()]


def _about_changes(group: Group, held: Group) -> tuple[dict[RowKey, Row], list[RowKey]]:
    """Return the `ABOUT` edges that products' new facts ask for, and those that no longer hold."""
    new: dict[RowKey, Row] = {}
    gone: list[RowKey] = []
    for key, row in group.items():
        before = held.get(key, Facts({}))
        was, now = _about(before), _about(merge(before, row))
        new |= {("about", key[1], key[2], interest): Link() for interest in now - was}
        gone += [("about", key[1], key[2], interest) for interest in was - now]
    return new, gone


def _about(row: Row) -> frozenset[str]:
    return about(row) if isinstance(row, Facts) else frozenset()
