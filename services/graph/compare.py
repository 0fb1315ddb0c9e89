"""Compares the graph with the ledger, row by row, and mends what differs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any

from services.graph.bulk import in_bulk
from services.graph.folding import Folding, Progress, quietly, telling
from services.graph.ports import GraphPorts
from shared.errors import UnavailableError
from shared.knowledge.projection import Row, RowKey, Rows, complete
from shared.knowledge.rows import digest
from shared.logs import logger

_SHOWN = 100  # differences that a report spells out

_log = logger("graph")


class _UnreadableError(Exception):
    """The graph does not tell its rows; the message says why."""


@dataclass(frozen=True)
class Difference:
    """A row on which ledger and graph disagree; none: it is not there."""

    shop: str
    row: str
    ledger: str | None
    graph: str | None


@dataclass(frozen=True)
class Report:
    """What a comparison found: the digest of each shop on both sides, and the first differences, by name."""

    ledger: Mapping[str, str]
    graph: Mapping[str, str]
    differences: tuple[Difference, ...] = ()
    count: int = 0
    damage: str = ""  # what is wrong with the graph's files, if they say so themselves

    @property
    def equal(self) -> bool:
        """Say whether the graph is exactly what the ledger tells."""
        return self.ledger == self.graph and not self.damage

    def as_json(self) -> dict[str, Any]:
        """Return the report for machines."""
        return {
            "equal": self.equal,
            "ledger": dict(self.ledger),
            "graph": dict(self.graph),
            "damage": self.damage or None,
            "difference_count": self.count,
            "differences": [vars(difference) for difference in self.differences],
        }


@dataclass
class Comparison:
    """One shop, both sides: digests, and what to write and remove so that the graph becomes what the ledger tells."""

    shop: str
    ledger: str
    graph: str = ""
    put: dict[RowKey, Row] = field(default_factory=dict)
    delete: list[RowKey] = field(default_factory=list)
    found: dict[RowKey, Row] = field(default_factory=dict)  # what the graph said of the rows that differ
    damage: str = ""

    @property
    def count(self) -> int:
        """How many rows differ."""
        return len(self.put) + len(self.delete)

    def differences(self) -> Iterator[Difference]:
        """Name what differs."""
        for key in self.delete:
            yield Difference(self.shop, "/".join(key), None, str(self.found.get(key)))
        for key, row in self.put.items():
            graph = self.found.get(key)
            yield Difference(self.shop, "/".join(key), str(row), None if graph is None else str(graph))


def verify(ports: GraphPorts, shop: str | None = None, progress: Progress = quietly) -> Report:
    """Compare the graph with the ledger; what is recorded and not yet projected is left out on both sides.

    Events wait while the graph is read, not while the ledger is.
    """
    return report([compare(ports, name, progress) for name in shops(ports, shop)], damage(ports))


def mend(ports: GraphPorts, shop: str, progress: Progress = quietly) -> None:
    """Make a shop's graph what the ledger tells of it.

    Raises:
        UnavailableError: the graph cannot be read or written.
    """
    _compared(ports, shop, progress, partial(_mended, ports))


def _mended(ports: GraphPorts, found: Comparison) -> Comparison:
    """Write and remove what differs; nothing was projected since the comparison was made."""
    if found.damage:
        raise UnavailableError(found.damage)
    if found.count:
        _log.warning("graph.mending", shop=found.shop, differences=found.count)
        ports.knowledge.mend(found.shop, found.put.items(), found.delete)
    return found


def shops(ports: GraphPorts, shop: str | None) -> list[str]:
    """Return the shop asked for, or all that ledger or graph know."""
    return [shop] if shop else sorted({*ports.history.shops(), *ports.knowledge.shops()})


def damage(ports: GraphPorts) -> str:
    """Return what the graph itself says is wrong with its files; empty if nothing."""
    status = ports.knowledge.status()
    return str(status.get("reason", "")) if status.get("needs_rebuild") else ""


def compare(ports: GraphPorts, shop: str, progress: Progress = quietly) -> Comparison:
    """Compare one shop's graph with its ledger; nobody changes the graph while it is read."""
    return _compared(ports, shop, progress, lambda found: found)


def _compared(ports: GraphPorts, shop: str, progress: Progress, act: Callable[[Comparison], Comparison]) -> Comparison:
    """Compare, and act upon what was found while the graph still is as it was then."""
    with in_bulk():
        return _looked_through(ports, shop, progress, act)


def _looked_through(
    ports: GraphPorts, shop: str, progress: Progress, act: Callable[[Comparison], Comparison]
) -> Comparison:
    ledger = Folding(ports.history, ports.newest_erasure, shop=shop, progress=progress)
    ledger.read(ports.knowledge.watermarks())
    with ports.projecting:
        return ports.knowledge.alone(lambda: act(_against_graph(ports, shop, ledger, progress)))


def _against_graph(ports: GraphPorts, shop: str, ledger: Folding, progress: Progress) -> Comparison:
    delta = ledger.up_to(ports.knowledge.watermarks()).get(shop, {})
    comparison = Comparison(shop, digest(complete(delta)))
    progress("comparing", len(delta))
    try:
        comparison.graph = digest(telling(_rows(ports, shop), "comparing", progress))
        if comparison.graph != comparison.ledger:  # which rows differ is only asked then: to tell takes much memory
            _look(ports, dict(complete(delta)), comparison, progress)
    except _UnreadableError as error:
        comparison.damage = f"the graph cannot be read: {str(error)[:200]}"
    return comparison


def _rows(ports: GraphPorts, shop: str) -> Rows:
    """Yield the graph's rows; what whoever goes through them raises is none of the graph's damage."""
    try:
        yield from ports.knowledge.rows(shop)
    except (UnavailableError, RuntimeError) as error:  # a damaged file shows as either
        raise _UnreadableError(str(error)) from error


def _look(ports: GraphPorts, want: dict[RowKey, Row], comparison: Comparison, progress: Progress) -> None:
    """Go through the graph's rows, and tell which of them are wanted and which are not."""
    twice: set[RowKey] = set()
    agreed: set[RowKey] = set()
    for key, row in telling(_rows(ports, comparison.shop), "comparing", progress):
        if key in agreed:
            twice.add(key)
        elif want.get(key) == row:
            agreed.add(key)
        else:
            comparison.found[key] = row
    comparison.put = {key: row for key, row in want.items() if key not in agreed or key in twice}
    comparison.found |= {key: want[key] for key in twice}
    comparison.delete = [key for key in comparison.found if key not in want]


def report(found: list[Comparison], damage: str) -> Report:
    """Put the comparisons of all shops into one report."""
    differences = list(chain.from_iterable(one.differences() for one in found))
    return Report(
        {one.shop: one.ledger for one in found},
        {one.shop: one.graph for one in found},
        tuple(differences[:_SHOWN]),
        len(differences),
        "; ".join(filter(None, [damage, *(one.damage for one in found)])),
    )
