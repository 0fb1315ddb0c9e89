"""Keeps derived knowledge fresh in the background: neighbours, popularity, and what free words mean."""

from __future__ import annotations

import threading
import time

from services.graph.matching import match_tags
from services.graph.neighbours import derive
from shared.clock import Clock
from shared.errors import TransientError
from shared.knowledge.insight import Parameters
from shared.knowledge.port import KnowledgeWriter
from shared.logs import logger
from shared.metrics import REFRESH

_PAUSES = 8.0  # a refresh is followed by a rest this many times as long

_log = logger("graph")


class Refresher:
    """Refreshes the shops that were touched, one at a time, never so often that it starves the projection."""

    def __init__(self, knowledge: KnowledgeWriter, clock: Clock, pause_seconds: float) -> None:
        self._knowledge, self._clock, self._pause = knowledge, clock, pause_seconds
        self._touched: set[str] = set()
        self._wake = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def touch(self, shop: str) -> None:
        """Say that a shop's purchases or interests changed."""
        with self._wake:
            self._touched.add(shop)
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

    def refresh(self, shop: str) -> None:
        """Recompute a shop's derived knowledge now.

        Raises:
            TransientError: the graph does not answer.
        """
        with REFRESH.time():
            tags, categories = self._knowledge.interests(shop, "tag"), self._knowledge.interests(shop, "category")
            self._knowledge.match(shop, match_tags(tags, categories))
            derived = derive(self._knowledge.purchases(shop), self._knowledge.abouts(shop), Parameters())
            self._knowledge.refresh(shop, derived)

    def _run(self) -> None:
        while (shop := self._next()) is not None:
            started = time.monotonic()
            self._try(shop)
            self._rest(max(self._pause, _PAUSES * (time.monotonic() - started)))

    def _next(self) -> str | None:
        with self._wake:
            self._wake.wait_for(lambda: self._touched or self._stopping)
            return None if self._stopping else self._touched.pop()

    def _try(self, shop: str) -> None:
        try:
            self.refresh(shop)
        except TransientError:
            _log.exception("a refresh failed, it is tried again", shop=shop)
            self.touch(shop)
        except Exception:  # noqa: BLE001 (derived knowledge may be late, the thread may not die)
            _log.exception("a refresh failed", shop=shop)

    def _rest(self, seconds: float) -> None:
        with self._wake:
            self._wake.wait_for(lambda: self._stopping, timeout=seconds)
