"""A job's progress as server-sent events: each state once, a sign of life between, an end before threads run out."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

from shared.clock import monotonic
from shared.errors import UnavailableError

_LONGEST = 12.0  # seconds; less than a server that ends waits for what it has in hand
_LOOK = 0.25
_ALIVE = 5.0
_PENDING = "pending"
_AGAIN_MS = 1_000


class Streams:
    """How many streams a process may have open; each holds a thread, and the rest must find one."""

    def __init__(self, threads: int) -> None:
        self._free = threading.BoundedSemaphore(max(1, threads // 4))

    def enter(self) -> None:
        """Take a place.

        Raises:
            UnavailableError: all are taken.
        """
        if not self._free.acquire(blocking=False):
            raise UnavailableError("too many streams are open")

    def leave(self) -> None:
        """Give the place back."""
        self._free.release()


def event_id(state: dict[str, Any]) -> str:
    """Return the name of a state, which a client that comes again gives as Last-Event-ID."""
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()[:16]


def ended(state: dict[str, Any]) -> bool:
    """Say whether nothing follows upon a state."""
    return bool(state["status"] != _PENDING)


def follow(
    look: Callable[[], dict[str, Any] | None],
    seen: str,
    rest: Callable[[float], Any],
    now: Callable[[], float] = monotonic,
) -> Iterator[str]:
    """Yield a job's states that follow upon the one `seen`, until it ends, is gone, or the stream has lasted long."""
    begun = told = now()
    yield f"retry: {_AGAIN_MS}\n\n"
    while (state := look()) is not None:
        if (id := event_id(state)) != seen:
            seen, told = id, now()
            yield f"id: {id}\nevent: job\ndata: {json.dumps(state, ensure_ascii=False)}\n\n"
        if ended(state) or now() - begun >= _LONGEST:
            return
        if now() - told >= _ALIVE:
            told = now()
            yield ": still at it\n\n"
        rest(_LOOK)
