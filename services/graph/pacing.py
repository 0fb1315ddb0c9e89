"""Holds refreshing back while events are waiting: a refresh writes as much as an import, and would only be outdated."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from shared.clock import monotonic
from shared.errors import TransientError

_LOOK_AGAIN = 1.0  # seconds: another worker may finish what is waiting, and then no batch comes here to notice
_LONGEST = 300.0  # seconds that shops are held back at most: under endless load, too, neighbours stay fresh


def _later(seconds: float, act: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()


class Pacing:
    """Passes changed shops on to `touch`, all at once, when no more than `most` events are waiting.

    `waiting` may be up to a second behind the truth: who is held back is looked at again.
    """

    def __init__(
        self,
        touch: Callable[[str], None],
        waiting: Callable[[], int],
        most: int,
        now: Callable[[], float] = monotonic,
        later: Callable[[float, Callable[[], None]], None] = _later,
    ) -> None:
        self._touch, self._waiting, self._most, self._now, self._later = touch, waiting, most, now, later
        self._lock = threading.Lock()
        self._held: set[str] = set()
        self._filling: Counter[str] = Counter()
        self._since = 0.0
        self._expected = self._stopped = False

    def changed(self, shops: frozenset[str]) -> None:
        """Hear that shops changed; never raises."""
        with self._lock:
            self._since = self._since if self._held else self._now()
            self._held |= shops
            if self._stopped or not self._held or (self._many() and self._now() - self._since < _LONGEST):
                self._expect()
                return
            due = {shop for shop in self._held if not self._filling[shop]}
            self._held -= due
        for shop in due:
            self._touch(shop)

    def stop(self) -> None:
        """Pass nothing on any more: who refreshes is about to end."""
        with self._lock:
            self._stopped = True

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

    def _expect(self) -> None:
        if self._held and not self._expected and not self._stopped:
            self._expected = True
            self._later(_LOOK_AGAIN, self._look_again)

    def _look_again(self) -> None:
        with self._lock:
            self._expected = False
        self.changed(frozenset())

    def _many(self) -> bool:
        try:
            return self._waiting() > self._most
        except TransientError:
            return False
