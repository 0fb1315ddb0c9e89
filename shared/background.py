"""Work that goes on in a thread of its own, from `start` to `stop`."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Background:
    """Runs `work` once, in a daemon thread; it is to return soon after `stopping` is set."""

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self.stopping = threading.Event()
        self._thread = threading.Thread(target=work, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the work to end, and wait until it has; nothing to do if it never began."""
        self.stopping.set()
        if self._thread.is_alive():
            self._thread.join()
