"""The notes that a graph is being put in another's place, which may still hold whom somebody erased meanwhile."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from services.graph.ports import GraphPorts
from shared.clock import to_ms

UNPROVED = "unproved"
_LEFT = 600_000  # ms after which whoever wrote a note is taken for dead


@contextmanager
def unproved(ports: GraphPorts) -> Iterator[None]:
    """Keep a note until all within is done: who is killed before that leaves it, and the next worker proves the graph.

    Raises:
        UnavailableError: the history does not answer.
    """
    note = uuid.uuid4().hex
    ports.history.put(UNPROVED, "", note, {})
    yield
    ports.history.delete(UNPROVED, "", note)


def left(ports: GraphPorts) -> list[str]:
    """Return the notes that somebody left and is not at work under any more.

    Raises:
        UnavailableError: the history does not answer.
    """
    now = to_ms(ports.clock.now())
    notes = ports.history.find(UNPROVED, "").items
    return [note.id for note in notes if note.updated_at + _LEFT <= now]
