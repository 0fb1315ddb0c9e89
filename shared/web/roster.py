"""Which of the workers that share a port can do their work: a byte each, in memory that they share."""

from __future__ import annotations

import mmap
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

_LOOK_SECONDS = 0.5


class Roster:
    """Made before the workers, which find it by being forked."""

    def __init__(self, workers: int) -> None:
        self._seats = mmap.mmap(-1, workers)

    def free(self, taken: Collection[int]) -> int:
        """Return a seat for one more worker."""
        return next((seat for seat in range(len(self._seats)) if seat not in taken), 0)

    def tell(self, seat: int, *, ready: bool) -> None:
        """Note whether the worker of a seat can do its work."""
        self._seats[seat] = int(ready)

    def missing(self) -> str | None:
        """Return how many workers cannot do their work yet, or none."""
        able = sum(self._seats[:])
        return None if able == len(self._seats) else f"{able} of {len(self._seats)} workers are ready"

    @contextmanager
    def attended(self, seat: int, unready: Callable[[], str | None]) -> Iterator[None]:
        """Tell all others, while inside, whether this worker can do its work."""
        left = threading.Event()

        def tell() -> None:
            self.tell(seat, ready=unready() is None)
            while not left.wait(_LOOK_SECONDS):
                self.tell(seat, ready=unready() is None)

        telling = threading.Thread(target=tell, name="roster", daemon=True)
        telling.start()
        try:
            yield
        finally:
            left.set()
            telling.join()
            self.tell(seat, ready=False)
