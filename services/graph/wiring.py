"""The graph service, put together: subscriptions, the refresher, and the rebuild that a damaged graph asks for."""

from __future__ import annotations

import threading
from functools import partial

from services.graph.handlers import project
from services.graph.pacing import Pacing
from services.graph.ports import GraphPorts
from services.graph.rebuild import rebuild
from services.graph.similarity import Refresher
from shared.bus.dispatch import batches
from shared.bus.port import Subscription, unready
from shared.contracts.topics import COMMERCE
from shared.engines import Engines
from shared.errors import TransientError
from shared.logs import logger

GROUP = "graph"

_log = logger("graph")


class GraphService:
    """Projects events into the graph and keeps derived knowledge fresh."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self.refresher = Refresher(engines.knowledge, engines.clock, engines.settings.refresh_seconds)
        self.pacing = Pacing(
            self.refresher.touch,
            partial(engines.bus.lag, GROUP, COMMERCE),
            engines.settings.graph_batch,
        )
        self.ports = GraphPorts(
            bus=engines.bus,
            history=engines.history,
            knowledge=engines.knowledge,
            objects=engines.objects,
            clock=engines.clock,
            changed=self._changed,
        )
        self._subscription: Subscription | None = None
        self._starting: threading.Thread | None = None
        self._stopping = threading.Event()

    def start(self) -> None:
        """Subscribe; a graph that must be rebuilt first is rebuilt in the background, and says so in its status."""
        if self._needs_rebuild() and self._engines.history.shops():
            self._starting = threading.Thread(target=self._rebuild_then_subscribe, name="graph-rebuild")
            self._starting.start()
        else:
            self._subscribe()

    def stop(self) -> None:
        """Finish the batch in hand and stop; a rebuild in progress is finished first."""
        self._stopping.set()
        if self._starting is not None:
            self._starting.join()
        if self._subscription is not None:
            self._subscription.stop()
            self.refresher.stop()

    def unready(self) -> str | None:
        """Return what keeps the consumer from its work, or none: a graph that is being rebuilt, say."""
        return unready([self._subscription] if self._subscription is not None else [])

    def progress(self) -> float:
        """Return seconds since the consumer last made progress; 0 while it is not subscribed yet."""
        return self._subscription.progress() if self._subscription is not None else 0.0

    def _needs_rebuild(self) -> bool:
        return bool(self._engines.knowledge.status().get("needs_rebuild"))

    def _rebuild_then_subscribe(self) -> None:
        pause = 1.0
        while not self._stopping.is_set():
            try:
                rebuild(self.ports)
            except TransientError:
                _log.exception("graph.rebuild_failed", seconds=pause)
                self._stopping.wait(pause)
                pause = min(60.0, pause * 2)
            else:
                self._subscribe()
                return

    def _subscribe(self) -> None:
        if self._needs_rebuild():
            rebuild(self.ports)  # of an empty ledger: at once
        self.refresher.start()
        handler = batches(
            partial(project, ports=self.ports), bus=self._engines.bus, group=GROUP, clock=self._engines.clock
        )
        self._subscription = self._engines.bus.subscribe(
            GROUP, COMMERCE, handler, batch=self._engines.settings.graph_batch
        )

    def _changed(self, shops: frozenset[str], _: frozenset[tuple[str, str]]) -> None:
        self.pacing.changed(shops)


def build(engines: Engines) -> GraphService:
    """Put the service together; nothing runs before `start`."""
    return GraphService(engines)
