"""What the graph service works with: ports only, and the lock that lets one batch, rebuild or repair in at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from services.graph.folding import Progress, quietly
from shared.bus.port import Bus
from shared.clock import Clock
from shared.erasures import ERASURES
from shared.history.port import History
from shared.knowledge.port import KnowledgeWriter
from shared.objects.port import Objects


@dataclass(frozen=True)
class Changed:
    """What a batch changed: which shops; of these, whose purchases (shop, user) and which words were new to them.

    `anew`: shops of which so much changed that it cannot be told by people.
    """

    shops: frozenset[str]
    people: frozenset[tuple[str, str]] = frozenset()
    worded: frozenset[str] = frozenset()
    anew: frozenset[str] = frozenset()


def _nobody(_: Changed) -> None:
    """Tell nobody."""


@dataclass
class Backfills:
    """How many large files are being recorded: their events reach the graph at the end, all at once."""

    under_way: int = 0


@dataclass(frozen=True)
class GraphPorts:
    """`changed` hears what a batch changed; it must not block.

    `reopen` opens the history once more, in another process; without it a large ledger is read in this one. `progress`
    hears how a pass over the ledger gets on that a batch takes; it may end it with an UnavailableError.
    """

    bus: Bus
    history: History
    knowledge: KnowledgeWriter
    objects: Objects
    clock: Clock
    changed: Callable[[Changed], None] = _nobody
    projecting: threading.RLock = field(default_factory=threading.RLock)
    backfills: Backfills = field(default_factory=Backfills)
    reopen: Callable[[], History] | None = None
    progress: Progress = quietly

    def newest_erasure(self) -> tuple[str, str, int]:
        """Return what changes with every step of an erasure but the first, whichever worker takes it.

        A first step may be seen after the first of another that was begun later.

        Raises:
            UnavailableError: the history does not answer.
        """
        newest = self.history.find(ERASURES, None, page_size=1).items
        return (newest[0].shop, newest[0].id, newest[0].version) if newest else ("", "", 0)
