"""What is near a user, read from LadybugDB as bare offsets of nodes and summed up here, in a fraction of the time.

Measured over 300 households (8,700 edges to similar users' products): a statement that returns `p.id` or groups by it
takes 13 to 16 ms, one that returns `offset(id(p))` 0.5 ms and 1.5 ms for the way over Arrow; nearly all the time goes
into looking at the nodes. So the ids of products are kept beside the generation: an offset names one node for good
(the engine gives those of deleted nodes to no others), and rolled back ones are never read.

`beside_places` adds `b.support * 0` to its bound: else the engine tests the first edge before it follows the second,
and a statement that does so finds nothing when it is run again with other parameters (LadybugDB 0.22).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from shared.knowledge.execution import columns
from shared.knowledge.near import BESIDE, BOUGHT, LIKENESS, TASTE, WEIGHT, Row, latest, strength
from shared.knowledge.reading_facts import Purchase
from shared.knowledge.rows import uid
from shared.knowledge.statements import statements

if TYPE_CHECKING:
    import pyarrow as pa

    from shared.knowledge.insight import Bought, Product
    from shared.knowledge.ladybug_kept import Kept

Numbers = NDArray[Any]


class Readers(Protocol):
    """Lends connections to the current generation, each with what is kept of it."""

    def lend(self) -> AbstractContextManager[tuple[Any, Kept]]:
        """Lend one for reading."""


class Mine(NamedTuple):
    """What a user bought, in one state of what is kept of a generation; the places are of its products' nodes."""

    of: Kept
    purchases: Sequence[Purchase]  # the latest first if they are more than 2,000
    places: Mapping[str, int]  # by id
    kept: Sequence[int]  # of what was not taken back


class LadybugNear:
    """Answers for one user of a shop as the statements `bought_by`, `popular_now`, `beside` and so on do."""

    def __init__(self, readers: Readers, shop: str, user_id: str) -> None:
        self._readers, self._shop, self._start = readers, shop, {"uid": uid("user", shop, user_id)}
        self._mine: Mine | None = None

    def bought(self) -> Sequence[Purchase]:
        """Return what the user bought, in any order; at most the 2,000 latest."""
        with self._readers.lend() as (reader, kept):
            self._mine = self._look(reader, kept)
        return self._mine.purchases[:BOUGHT]

    def products(self, ids: Collection[str]) -> Mapping[str, Product]:
        """Return products of the shop by their ids, those that there are."""
        with self._readers.lend() as (reader, kept):
            return kept.products(reader, self._shop, ids)

    def popular(self) -> list[Row]:
        """Return the shop's popular products, the most popular first."""
        with self._readers.lend() as (reader, kept):
            return kept.popular(reader, self._shop)

    def beside(self, bought: Sequence[Bought], at: int, fade: float, owned: Collection[str]) -> list[Row]:
        """Return what is bought with a user's 300 latest products; at most 200, none of it owned."""
        sources = latest(bought)
        if not sources:
            return []
        since = min(one.times[-1] for one in sources)
        strengths = {one.product.product_id: strength(one, at, fade) for one in sources}
        with self._readers.lend() as (reader, kept):
            edges = arrays(reader, statements()["beside_places"], self._start | {"since": since})
            places = self._known(reader, kept).places
            factors = {places[id]: factor for id, factor in strengths.items() if id in places}
            mine = [places[id] for id in owned if id in places]
            return list(_beside(_weighed(edges, factors, mine), partial(kept.ids["product"].of, reader)))

    def taste(self, user_id: str) -> list[Row]:
        """Return what the most similar users bought and the user did not."""
        del user_id  # this is of one user
        with self._readers.lend() as (reader, kept):
            edges = arrays(reader, statements()["taste_places"], self._start)
            size = _size(edges["place"])
            weights = np.bincount(edges["place"], np.rint(edges["score"] * LIKENESS), size)
            counts = np.bincount(edges["place"], minlength=size)
            counts[_within(self._known(reader, kept).kept, size)] = 0
            there = np.flatnonzero(counts)
            best = there[heaviest(weights[there], TASTE)]
            ranked = _ranked(weights[best], kept.ids["product"].of(reader, best.tolist()), counts[best].tolist())
        return [{"id": id, "weight": -weight / LIKENESS, "support": count} for weight, id, count in ranked[:TASTE]]

    def _known(self, reader: Any, kept: Kept) -> Mine:
        """Return what the user bought as it was read before, unless the graph was put in another's place since."""
        return self._mine if self._mine is not None and self._mine.of is kept else self._look(reader, kept)

    def _look(self, reader: Any, kept: Kept) -> Mine:
        edges = columns(reader, statements()["bought_places"], self._start)
        places, quantity, spend, refunded = (
            _joined(edges[name]).tolist() for name in ("place", "quantity", "spend", "refunded")
        )
        ids = kept.ids["product"].of(reader, places)
        products = map(kept.products(reader, self._shop, ids, self._start["uid"]).get, ids)
        sums = zip(quantity, spend, refunded, edges["currency"].to_pylist(), strict=True)
        found = [
            Purchase(product, times, *said)
            for product, times, said in zip(products, _lists(edges["times"]), sums, strict=True)
            if product is not None
        ]
        if len(found) > BOUGHT:
            found.sort(key=lambda one: (-one.times[-1] if one.times else 0, one.product.product_id))
        left = [place for place, had, back in zip(places, quantity, refunded, strict=True) if back < had]
        return Mine(kept, found, dict(zip(ids, places, strict=True)), left)


def _weighed(edges: Mapping[str, Numbers], factors: Mapping[int, float], mine: Sequence[int]) -> dict[str, Numbers]:
    """Return the edges that begin where there is a factor, times it, and do not end at what is `mine`.

    Others begin at what was bought at the very moment of the last that counts.
    """
    size = max(_size(edges["place"]), _size(edges["source"]))
    strengths, new = np.full(size, -1.0), np.ones(size, dtype=np.bool_)
    begun = _within(list(factors), size)
    strengths[begun] = [factors[place] for place in begun]
    new[_within(mine, size)] = False
    strengths = strengths[edges["source"]]
    asked = np.flatnonzero((strengths >= 0) & new[edges["place"]])
    return {name: column[asked] for name, column in edges.items()} | {"score": edges["score"][asked] * strengths[asked]}


def _beside(edges: Mapping[str, Numbers], named: Callable[[list[int]], list[str]]) -> Iterator[Row]:
    """Yield where the heaviest edges lead, each place with all that lead there."""
    size = _size(edges["place"])
    weights = np.bincount(edges["place"], np.rint(edges["score"] * WEIGHT), size)
    there = np.flatnonzero(np.bincount(edges["place"], minlength=size))
    best = there[heaviest(weights[there], BESIDE)]
    ranked = _ranked(weights[best], named(best.tolist()), best.tolist())[:BESIDE]
    heavy = np.zeros(size, dtype=np.bool_)
    heavy[[place for _, _, place in ranked]] = True
    chosen = np.flatnonzero(heavy[edges["place"]])
    chosen = chosen[np.argsort(edges["place"][chosen], kind="stable")]
    bounds = np.searchsorted(edges["place"][chosen], [[place, place + 1] for _, _, place in ranked]).tolist()
    sources = named(edges["source"][chosen].tolist())
    scores, supports = edges["score"][chosen].tolist(), edges["support"][chosen].tolist()
    for (weight, id, _), (start, end) in zip(ranked, bounds, strict=True):
        yield {
            "id": id,
            "weight": -weight / WEIGHT,
            "sources": sources[start:end],
            "scores": scores[start:end],
            "supports": supports[start:end],
        }


def _size(places: Numbers) -> int:
    return int(places.max(initial=-1)) + 1


def _within(places: Sequence[int], size: int) -> list[int]:
    """Return those of places that edges speak of at all."""
    return [place for place in places if place < size]


def heaviest(weights: Numbers, most: int) -> Numbers:
    """Return where the largest weights stand, those that equal the last of them too."""
    if len(weights) <= most:
        return np.arange(len(weights))
    return np.flatnonzero(weights >= np.partition(weights, -most)[-most])


def _ranked(weights: Numbers, ids: Sequence[str], others: Sequence[int]) -> list[tuple[float, str, int]]:
    """Return weights (negated), ids and others with the largest weight first, ties by id."""
    return sorted(zip((-weights).tolist(), ids, others, strict=True))


def arrays(reader: Any, text: str, parameters: Mapping[str, Any]) -> dict[str, Numbers]:
    """Run a statement and return its columns, all of them numbers and none unknown, as arrays."""
    table = columns(reader, text, parameters)
    return {column: _joined(table[column]) for column in table.column_names}


def _joined(column: pa.ChunkedArray) -> Numbers:
    """Return the chunks of a column in one. Arrow's own way loads pandas, 0.7 s of a process's first answer."""
    parts = [np.from_dlpack(chunk) for chunk in column.chunks]
    if not parts:
        return np.empty(0, column.type.to_pandas_dtype())
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _lists(column: pa.ChunkedArray) -> Iterator[tuple[int, ...]]:
    """Yield lists of numbers; none for an unknown one. Arrow's own way takes a microsecond for a number."""
    for chunk in column.chunks:
        numbers, ends = np.from_dlpack(chunk.flatten()).tolist(), chunk.value_lengths().fill_null(0)
        start = 0
        for length in ends.to_pylist():
            yield tuple(numbers[start : start + length])
            start += length
