"""Folds the ledger into the rows of a graph: most of it while events flow, what has come since while they wait."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence

from services.graph.ports import GraphPorts
from shared.bus.port import Position
from shared.history.port import Entry
from shared.knowledge.projection import Delta, project
from shared.knowledge.rows import add

Progress = Callable[[str, int], None]  # what is being done, and how many entries or rows of it
Covered = Callable[[Entry], bool]
Deltas = dict[str, Delta]  # shop → its rows

_STEP = 5_000
_SLACK = 50_000  # numbers: of several recorders at once one may show its entries after others with greater numbers


def quietly(_: str, __: int) -> None:
    """Show no progress."""


def unheeded(_: Entry) -> None:
    """Do nothing more with an entry."""


class Folding:
    """What the ledger tells up to some watermarks, read beforehand, so that little is left to read at the end."""

    def __init__(
        self,
        ports: GraphPorts,
        watermarks: Sequence[Position],
        *,
        shop: str | None = None,
        progress: Progress = quietly,
        heed: Callable[[Entry], None] = unheeded,
    ) -> None:
        """Read the ledger, heeding every entry of it; what lies beyond the watermarks is left for later."""
        self._ports, self._shop, self._progress, self._heed = ports, shop, progress, heed
        self._memory, self._watermarks = ports.memory(), tuple(watermarks)
        self._left, self._last = sys.maxsize, 0
        self._deltas = self._fold(0, within(watermarks))

    def up_to(self, watermarks: Sequence[Position]) -> Deltas:
        """Return the rows up to these watermarks. Whoever asks sees to it that nothing moves them meanwhile.

        Read anew if the ledger was made to forget in between, or if the graph was set back.
        """
        covered, before = within(watermarks), within(self._watermarks)
        if self._memory != self._ports.memory() or not _reaches(watermarks, self._watermarks):
            return self._fold(0, covered)
        since = min(self._left, max(self._last - _SLACK, 0))
        later = self._fold(since, lambda entry: covered(entry) and not before(entry))
        return self._deltas | {shop: _joined(self._deltas.get(shop, {}), delta) for shop, delta in later.items()}

    def _fold(self, after: int, covered: Covered) -> Deltas:
        deltas: Deltas = {}
        for count, (number, entry) in enumerate(self._ports.history.replay(self._shop, after), 1):
            self._heed(entry)
            self._last = max(self._last, number)
            if covered(entry):
                add(deltas.setdefault(entry.shop, {}), project(entry))
            else:
                self._left = min(self._left, number - 1)
            if count % _STEP == 0:
                self._progress("reading the ledger", count)
        return deltas


def within(watermarks: Sequence[Position]) -> Covered:
    """Cover the entries at or under the watermarks; what is beyond is still to come."""
    held = _offsets(watermarks)

    def covered(entry: Entry) -> bool:
        origin = entry.origin
        return origin.offset <= held.get((origin.log, origin.topic, origin.partition), -1)

    return covered


def _offsets(watermarks: Sequence[Position]) -> Mapping[tuple[str, str, int], int]:
    return {(at.log, at.topic, at.partition): at.offset for at in watermarks}


def _reaches(now: Sequence[Position], before: Sequence[Position]) -> bool:
    """Say whether every watermark is where it was before, or further."""
    held = _offsets(now)
    return all(held.get(place, -1) >= offset for place, offset in _offsets(before).items())


def _joined(one: Delta, other: Delta) -> Delta:
    joined = dict(one)
    add(joined, other.items())
    return joined
