"""Keeps derived knowledge fresh in the background: neighbours, popularity, and what free words mean."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from services.graph.matching import match_tags
from services.graph.ports import Changed
from services.graph.standings import Standings
from shared.clock import Clock
from shared.courtesy import stand_back
from shared.errors import TransientError
from shared.knowledge.hindsight import Hindsight
from shared.knowledge.memory import give_back
from shared.knowledge.port import KnowledgeWriter
from shared.logs import logger
from shared.metrics import REFRESH

# Loading what derives takes longer than most commands, which never do: `deriving` is imported where it is needed.
if TYPE_CHECKING:
    from services.graph.fitting import Fit

_PAUSES = 8.0  # a refresh is followed by a rest this many times as long
_PATIENCE = 300.0  # seconds for which a shop that never falls quiet may wait
_STALE = 86_400_000  # ms of the shop's own time after which whoever asks does not get the old neighbours

_log = logger("graph")


class Refresher:
    """Refreshes the shops that were touched, one at a time, once they fall quiet; never starves the projection."""

    def __init__(self, knowledge: KnowledgeWriter, clock: Clock, pause_seconds: float) -> None:
        self._knowledge, self._clock, self._pause = knowledge, clock, pause_seconds
        self._touched: dict[str, tuple[float, float]] = {}  # when a shop was touched first, and last
        self._wake = threading.Condition()
        self._refreshing = threading.Lock()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._standings = Standings()

    def note(self, changed: Changed) -> None:
        """Hear what changed of shops; they are touched when it is time."""
        self._standings.note(changed)

    def touch(self, shop: str) -> None:
        """Say that a shop's purchases or interests changed."""
        with self._wake:
            now = time.monotonic()
            self._touched[shop] = (self._touched.get(shop, (now, now))[0], now)
            self._wake.notify()

    def start(self) -> None:
        """Begin to refresh in the background."""
        self._thread = threading.Thread(target=self._run, name="refresher", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the refresh in hand and stop."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join()

    def refresh(self, shop: str) -> Fit:
        """Recompute a shop's derived knowledge now; return what it was fitted to.

        Raises:
            TransientError: the graph does not answer.
        """
        with self._refreshing, REFRESH.time():
            with self._wake:
                self._touched.pop(shop, None)
            return self._renew(shop)

    def update(self, shop: str) -> None:
        """Bring a shop's derived knowledge up to date: by what changed if that is little, else as a whole.

        Raises:
            TransientError: the graph does not answer.
        """
        with self._refreshing, REFRESH.time():
            if not self._amend(shop):
                self._renew(shop)

    def _amend(self, shop: str) -> bool:
        """Amend what stands by what was heard of since; say whether that was possible."""
        record = self._knowledge.fitted(shop)
        with self._standings.taken(shop, record.refreshed_at if record else 0) as (standing, news):
            if standing is None:
                return False
            if news.worded:
                self._match(shop)
            people = sorted(news.people)
            now = self._knowledge.purchases(shop, people)
            if (amendment := standing.amended(now, people)) is None:
                return False
            self._knowledge.amend(shop, amendment)
            return True

    def _renew(self, shop: str) -> Fit:
        from services.graph import deriving

        self._standings.renew(shop)
        self._match(shop)
        renewed = deriving.whole(self._knowledge, shop)
        self._knowledge.refresh(shop, renewed.derived)
        self._standings.keep(shop, renewed.standing())
        give_back()
        return renewed.fitted

    def _match(self, shop: str) -> None:
        tags, categories = self._knowledge.interests(shop, "tag"), self._knowledge.interests(shop, "category")
        self._knowledge.match(shop, match_tags(tags, categories))

    def freshen(self, shop: str) -> None:
        """Refresh a shop now if it never was, or if more than a day of its own time has passed since.

        Raises:
            TransientError: as for `refresh`.
        """
        record = self._knowledge.fitted(shop)
        if record is not None and record.last_at > (record.refreshed_at + _STALE if record.refreshed_at else 0):
            self.refresh(shop)

    def hindsight(self, shop: str, at: int) -> Hindsight | None:
        """Return what would have been derived at a moment (ms) of a shop's past; none if that is its present."""
        from services.graph import deriving

        return deriving.in_hindsight(self._knowledge, shop, at)

    def _run(self) -> None:
        stand_back()
        while (shop := self._next()) is not None:
            self._rest(max(self._pause, _PAUSES * self._try(shop)))

    def _next(self) -> str | None:
        """Return a shop that was touched and has fallen quiet, or none when it is time to stop."""
        with self._wake:
            while not self._stopping:
                now = time.monotonic()
                due = {
                    shop: min(last + self._pause, first + _PATIENCE) for shop, (first, last) in self._touched.items()
                }
                shop = min(due, key=due.__getitem__, default=None)
                if shop is not None and due[shop] <= now:
                    del self._touched[shop]
                    return shop
                self._wake.wait(None if shop is None else due[shop] - now)
            return None

    def _try(self, shop: str) -> float:
        """Refresh a shop, or say that it must be tried again; return how many seconds the graph was busy with it."""
        started = time.monotonic()
        try:
            self.update(shop)
        except TransientError:
            busy = time.monotonic() - started
            _log.exception("a refresh failed, it is tried again", shop=shop)
            self.touch(shop)
            return busy
        except Exception:  # noqa: BLE001 (derived knowledge may be late, the thread may not die)
            _log.exception("a refresh failed", shop=shop)
        return time.monotonic() - started

    def _rest(self, seconds: float) -> None:
        with self._wake:
            self._wake.wait_for(lambda: self._stopping, timeout=seconds)
