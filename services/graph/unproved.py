"""The notes that a graph is being put in another's place, which may still hold whom somebody erased meanwhile."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from services.graph.folding import Progress
from services.graph.ports import GraphPorts
from shared.clock import to_ms

UNPROVED = "unproved"
_RENEWED = 60_000  # ms
_LEFT = 600_000  # ms after which whoever wrote a note and did not renew it is taken for dead


class Note:
    """A note in the documents; it says that its writer is at work for as long as it is renewed."""

    def __init__(self, ports: GraphPorts) -> None:
        self._ports, self.id = ports, uuid.uuid4().hex
        self.renew()

    def renew(self) -> None:
        """Say that its writer is at work.

        Raises:
            UnavailableError: the history does not answer.
        """
        self._renewed = to_ms(self._ports.clock.now())
        self._ports.history.put(UNPROVED, "", self.id, {})

    def over(self, progress: Progress) -> Progress:
        """Return a progress that is heard as before, and that renews the note now and then, as work gets on."""

        def heard(what: str, count: int) -> None:
            progress(what, count)
            if to_ms(self._ports.clock.now()) >= self._renewed + _RENEWED:
                self.renew()

        return heard


@contextmanager
def unproved(ports: GraphPorts) -> Iterator[Note]:
    """Keep a note until all within is done: who is killed before that leaves it, and the next worker proves the graph.

    Raises:
        UnavailableError: the history does not answer.
    """
    note = Note(ports)
    yield note
    ports.history.delete(UNPROVED, "", note.id)


def left(ports: GraphPorts) -> list[str]:
    """Return the notes that somebody left and is not at work under any more.

    Raises:
        UnavailableError: the history does not answer.
    """
    now = to_ms(ports.clock.now())
    notes = ports.history.find(UNPROVED, "").items
    return [note.id for note in notes if note.updated_at + _LEFT <= now]
