"""What the graph service works with: ports only, and the lock that lets one batch, rebuild or repair in at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from shared.bus.port import Bus
from shared.clock import Clock
from shared.history.port import History
from shared.knowledge.port import KnowledgeWriter


def _nobody(_: frozenset[str], __: frozenset[tuple[str, str]]) -> None:
    """Tell nobody."""


@dataclass
class Forgotten:
    """How often the ledger was made to forget: what was read of it before may hold what no longer counts."""

    times: int = 0


@dataclass(frozen=True)
class GraphPorts:
    """`changed` hears which shops a batch touched, and which tags (shop, interest id) it brought; it must not block."""

    bus: Bus
    history: History
    knowledge: KnowledgeWriter
    clock: Clock
    changed: Callable[[frozenset[str], frozenset[tuple[str, str]]], None] = _nobody
    projecting: threading.RLock = field(default_factory=threading.RLock)
    forgotten: Forgotten = field(default_factory=Forgotten)
