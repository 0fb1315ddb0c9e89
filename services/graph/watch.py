"""Watches over a graph that serves: wiped, it is rebuilt; left unproved, proved; fallen behind its log, caught up."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from services.graph.folding import Progress, quietly
from services.graph.handlers import catch_up
from services.graph.ports import GraphPorts
from services.graph.rebuild import prove_left, rebuild
from services.graph.unproved import left
from shared import audit
from shared.background import Background
from shared.contracts.topics import COMMERCE
from shared.errors import TransientError
from shared.logs import logger

_PAUSE = 5.0  # seconds between two looks, more or less: several workers look, and seldom at the same moment

_jitter = random.Random()  # noqa: S311 (nobody's secret; of its own, for tests count on the common one)
_log = logger("graph")
Behind = Mapping[tuple[str, str, int], int]  # log, topic, partition → the last offset that the graph holds of it


class Watch:
    """Looks every few seconds, in a thread of its own; what it does waits for nobody's events.

    The bus delivers what its group has not finished. What the group has finished and the graph nevertheless lacks (its
    server was wiped, another process rebuilt it meanwhile, offsets were moved) nobody would deliver again.
    """

    def __init__(
        self, ports: GraphPorts, waiting: Callable[[], int], progress: Progress = quietly, pause: float = _PAUSE
    ) -> None:
        self._ports, self._waiting, self._progress, self._pause = ports, waiting, progress, pause
        self._before: Behind = {}
        self._background = Background("graph-watch", self._run)
        self.busy = False

    def start(self) -> None:
        """Begin to look."""
        self._background.start()

    def stop(self) -> None:
        """Finish what is being done and stop."""
        self._background.stop()

    def look(self) -> None:
        """Look once, and do what is needed.

        Raises:
            TransientError: an engine does not answer; the next look may find it back.
        """
        if self._ports.backfills.under_way:
            return  # the graph is behind on purpose, and filled in the end
        if self._ports.knowledge.status().get("needs_rebuild"):
            _log.warning("graph.found-empty")
            self._do(lambda: rebuild(self._ports, self._progress))
            history = self._ports.history
            audit.note_for_all(history, self._ports.clock, history.shops(), audit.GRAPH, "graph.rebuilt")
            return
        if notes := left(self._ports):
            _log.warning("graph.found-unproved", count=len(notes))
            self._do(lambda: prove_left(self._ports, notes, self._progress))
        behind = self._behind()
        if behind and behind == self._before and not self._waiting():
            _log.warning("graph.found-behind", count=len(behind))
            self._do(lambda: catch_up(self._ports))
        self._before = behind

    def _behind(self) -> Behind:
        """Return the partitions of which the log has more than the graph, and how far the graph is in each."""
        held = {(at.log, at.topic, at.partition): at.offset for at in self._ports.knowledge.watermarks()}
        ends = [end for topic in COMMERCE for end in self._ports.bus.ends(topic)]
        places = {(end.log, end.topic, end.partition): end.offset - 1 for end in ends}
        return {place: held.get(place, -1) for place, last in places.items() if held.get(place, -1) < last}

    def _do(self, act: Callable[[], object]) -> None:
        self.busy = True
        try:
            act()
        finally:
            self.busy = False

    def _run(self) -> None:
        self._try(self._ports.knowledge.sweep)
        while not self._background.stopping.wait(self._pause * _jitter.uniform(0.7, 1.3)):
            self._try(self.look)

    def _try(self, act: Callable[[], None]) -> None:
        try:
            act()
        except TransientError as error:
            _log.warning("graph.watch-failed", error=type(error).__name__)
        except Exception:  # noqa: BLE001 (the watch must go on)
            _log.exception("graph.watch-crashed")
