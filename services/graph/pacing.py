"""Holds refreshing back while events are waiting: a refresh writes as much as an import, and would only be outdated."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from shared.clock import monotonic
from shared.errors import TransientError

_LONGEST = 300.0  # seconds that shops are held back at most: under endless load, too, neighbours stay fresh


class Pacing:
    """Passes changed shops on to `touch`, all at once, when no more than `most` events are waiting."""

    def __init__(
        self,
        touch: Callable[[str], None],
        waiting: Callable[[], int],
        most: int,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._touch, self._waiting, self._most, self._now = touch, waiting, most, now
        self._lock = threading.Lock()
        self._held: set[str] = set()
        self._filling: Counter[str] = Counter()
        self._since = 0.0

    def changed(self, shops: frozenset[str]) -> None:
        """Hear that shops changed; never raises."""
        with self._lock:
            self._since = self._since if self._held else self._now()
            self._held |= shops
            if self._many() and self._now() - self._since < _LONGEST:
                return
            due = {shop for shop in self._held if not self._filling[shop]}
            self._held -= due
        for shop in due:
            self._touch(shop)

    @contextmanager
    def filling(self, shop: str) -> Iterator[None]:
        """Hold a shop back while it is being filled, however long that takes; after that it counts as changed."""
        with self._lock:
            self._filling[shop] += 1
        try:
            yield
        finally:
            with self._lock:
                self._filling[shop] -= 1
            self.changed(frozenset({shop}))

    def _many(self) -> bool:
        try:
            return self._waiting() > self._most
        except TransientError:
            return False
