"""What is kept in memory beside a generation of the embedded graph: nodes' ids by offset, products, what is popular.

Of 4 ms that a statement over a thousand purchases takes, 3 go into looking at the products. They change seldom, and
only through this process, which owns the files.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar

from shared.errors import UnavailableError
from shared.knowledge.execution import columns, execute
from shared.knowledge.insight import Product
from shared.knowledge.reading_facts import product_of
from shared.knowledge.rows import uid
from shared.knowledge.statements import statements

K = TypeVar("K")
V = TypeVar("V")
Row = dict[str, Any]
Name = tuple[str, str]  # shop and id
Statement = tuple[str, Mapping[str, Any]]  # by its name, with parameters

_MOST, _SHOPS = 1 << 15, 100  # products, 0.9 KB each; shops, of each 300 popular ones
_MANY = 100  # products of a buyer from which on all are read
MAKE_STALE = frozenset(("set_product", "set_drawing", "clear_popular"))  # the statements after which to read anew


class NodeIds:
    """Ids of a kind's nodes by their offsets in one generation; grows when an unknown one is met. Thread-safe."""

    def __init__(self, kind: str) -> None:
        self._places = f"{kind}_places"
        self._ids: dict[int, str] = {}
        self._growing = threading.Lock()

    def of(self, reader: Any, places: Sequence[int]) -> list[str]:
        """Return the ids of nodes, each by its offset; a connection asks for those met for the first time."""
        with suppress(KeyError):
            return self._known(places)
        self._grow(reader)
        try:
            return self._known(places)
        except KeyError:
            raise UnavailableError("the graph was mended while it was read") from None

    def _known(self, places: Sequence[int]) -> list[str]:
        ids = self._ids
        return [ids[place] for place in places]

    def _grow(self, reader: Any) -> None:
        with self._growing:
            found = columns(reader, statements()[self._places], {})
            self._ids = dict(zip(found["place"].to_pylist(), found["id"].to_pylist(), strict=True))


class Memory(Generic[K, V]):
    """What was read of one generation, until a transaction that wrote it has ended. Thread-safe.

    A read that began before that end may have seen what stood before, so that what it found is not kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[K, V] = {}
        self._changing = threading.Lock()
        self._ends = 0

    def of(self, keys: Sequence[K], read: Callable[[list[K]], Mapping[K, V]]) -> dict[K, V]:
        """Return what is kept under keys, and what is `read` under the others, where there is anything."""
        kept, ends = self._kept, self._ends
        found = {key: value for key in keys if (value := kept.get(key)) is not None}
        if missing := [key for key in keys if key not in found]:
            fresh = read(missing)
            self._keep(fresh, ends)
            found.update(fresh)
        return found

    def forget(self, keys: Iterable[K] | None = None) -> None:
        """Forget what was written, all there is if nothing is named."""
        with self._changing:
            self._ends += 1
            if keys is None:
                self._kept = {}
            for key in keys or ():
                self._kept.pop(key, None)

    def _keep(self, fresh: Mapping[K, V], ends: int) -> None:
        with self._changing:
            if ends != self._ends:
                return
            if len(self._kept) + len(fresh) > self._most:
                self._kept = {}
            self._kept.update(fresh)


class Kept:
    """What is kept of one generation."""

    def __init__(self) -> None:
        self.ids = {kind: NodeIds(kind) for kind in ("user", "product", "interest")}
        self._products = Memory[Name, Product](_MOST)
        self._popular = Memory[str, list[Row]](_SHOPS)

    def products(self, reader: Any, shop: str, ids: Iterable[str], buyer: str = "") -> dict[str, Product]:
        """Return a shop's products by id, those that there are; a connection asks for those that are not kept.

        Of one buyer (by uid) they are quicker to read along the edges if they are many: 2 µs each, by their uids 7.
        """

        def read(missing: Sequence[Name]) -> dict[Name, Product]:
            if buyer and len(missing) > _MANY:
                told = columns(reader, statements()["bought_products"], {"uid": buyer}).to_pylist()
            else:
                uids = [uid("product", *name) for name in missing]
                told = execute(reader, statements()["the_products"], {"uids": uids})
            return {(shop, row["id"]): product_of(row) for row in told}

        found = self._products.of([(shop, id) for id in ids], read)
        return {id: product for (_, id), product in found.items()}

    def popular(self, reader: Any, shop: str) -> list[Row]:
        """Return a shop's popular products, the most popular first; a connection asks if they are not kept."""

        def read(_: object) -> dict[str, list[Row]]:
            return {shop: execute(reader, statements()["popular_now"], {"uid": uid("shop", shop, shop)})}

        return self._popular.of([shop], read)[shop]

    def forget(self, ran: Iterable[Statement]) -> None:
        """Forget what a transaction wrote that has ended, committed or not, by those of `MAKE_STALE` that ran in it."""
        for statement, parameters in ran:
            if statement == "clear_popular":
                self._popular.forget()
            else:
                self._products.forget((row["shop"], row["id"]) for row in parameters["rows"])
