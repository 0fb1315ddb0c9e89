"""The graph service, put together: subscriptions, the refresher, and the rebuild that a damaged graph asks for."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from cachetools.func import ttl_cache

from services.graph import backfill, working
from services.graph.handlers import GROUP, project
from services.graph.pacing import Pacing
from services.graph.ports import Changed, GraphPorts
from services.graph.rebuild import following, rebuild
from services.graph.similarity import Refresher
from services.graph.tidying import Tidier
from services.graph.watch import Watch
from services.graph.working import Works
from shared.bus.dispatch import Received, batches, each
from shared.bus.port import Subscription, unready
from shared.clock import monotonic
from shared.contracts.topics import COMMERCE, GRAPH_REQUESTS
from shared.engines import Engines, open_history
from shared.errors import TransientError, UnavailableError
from shared.logs import logger
from shared.replies import give_up

_LAG_SECONDS = 1.0  # for so long an answer stands: asking Kafka costs as much as a small batch
_GRACE = (
    1.0  # seconds after an import was ended, often by the end of the process: what it began is resumed at the start
)

_log = logger("graph")


class GraphService:
    """Projects events into the graph and keeps derived knowledge fresh."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self.refresher = Refresher(engines.knowledge, engines.clock, engines.settings.refresh_seconds)
        self.tidier = Tidier(engines.history)
        self.pacing = Pacing(
            self.refresher.touch,
            ttl_cache(maxsize=1, ttl=_LAG_SECONDS)(partial(engines.bus.lag, GROUP, COMMERCE)),
            engines.settings.graph_batch,
        )
        self.ports = GraphPorts(
            bus=engines.bus,
            history=engines.history,
            knowledge=engines.knowledge,
            objects=engines.objects,
            clock=engines.clock,
            changed=self._changed,
            reopen=partial(open_history, engines.settings),
            progress=self._unless_stopping,
        )
        self.watch = Watch(self.ports, partial(engines.bus.lag, GROUP, COMMERCE), self._unless_stopping)
        self.works = Works(self.ports, self._unless_stopping)
        self._subscription: Subscription | None = None
        self._asked: Subscription | None = None
        self._aside: list[threading.Thread] = []
        self._stopping = threading.Event()
        self._moved = -math.inf  # when something long last got on

    def start(self) -> None:
        """Subscribe; a graph that must be rebuilt first is rebuilt in the background, and says so in its status.

        So is one that a killed process left behind the ledger, in the middle of a backfill. Engines that do not answer
        yet are waited for in the background, too.
        """
        self.tidier.start()
        if self._is_good_at_once():
            self._subscribe()
        else:
            self._in_background(self._make_good_then_subscribe)

    def _is_good_at_once(self) -> bool:
        """Say whether the graph can be served; an empty one is begun. One whose server is away is waited for aside."""
        try:
            if (self._needs_rebuild() or backfill.was_left(self.ports)) and self._engines.history.shops():
                return False
            self._make_good()
        except TransientError as error:
            _log.warning("graph.engine-away", error=type(error).__name__)
            return False
        return True

    def stop(self) -> None:
        """Finish the batch in hand and stop; a rebuild in progress is given up, and done when the service starts."""
        self._stopping.set()
        self.pacing.stop()
        for thread in self._aside:
            thread.join()
        self.watch.stop()
        if self._asked is not None:
            self._asked.stop()
        if self._subscription is not None:
            self._subscription.stop()
            self.refresher.stop()
        self.tidier.stop()

    def unready(self) -> str | None:
        """Return what keeps the consumer from its work, or none: a graph that is being rebuilt, say."""
        return unready([each for each in (self._subscription, self._asked) if each is not None])

    def progress(self) -> float:
        """Return seconds since the consumer last made progress; 0 while it is not subscribed yet, or must wait."""
        if self._subscription is None or self.watch.busy or self.works.busy:
            return 0.0
        return min(self._subscription.progress(), monotonic() - self._moved)  # a batch may take a pass over the ledger

    def _needs_rebuild(self) -> bool:
        return bool(self._engines.knowledge.status().get("needs_rebuild"))

    @contextmanager
    def filling(self, shop: str, events: int) -> Iterator[None]:
        """Take a large file in: the shop's neighbours wait for its end, and so does the graph where that is quicker.

        On leaving, the graph holds all that was recorded. A file that ends early leaves that to the background.

        Raises:
            UnavailableError: an engine does not answer.
        """
        with self.pacing.filling(shop):
            if not backfill.is_worthwhile(events, self.ports):
                yield
                return
            backfill.begin(self.ports)
            try:
                with following(self.ports, more=events, progress=self._unless_stopping) as ledger:
                    yield
                    backfill.end(self.ports, self._unless_stopping, ledger)
            except BaseException:
                self._in_background(partial(self._until_done, self._bring_in))
                raise

    def _in_background(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name="graph-rebuild")
        self._aside.append(thread)
        thread.start()

    def _make_good_then_subscribe(self) -> None:
        self._until_done(self._make_good)
        if not self._stopping.is_set():
            self._subscribe()

    def _until_done(self, work: Callable[[], None]) -> None:
        pause = 1.0
        while not self._stopping.is_set():
            try:
                work()
            except TransientError:
                if self._stopping.is_set():
                    return
                _log.exception("graph.rebuild_failed", seconds=pause)
                self._stopping.wait(pause)
                pause = min(60.0, pause * 2)
            else:
                return

    def _project(self, received: Sequence[Received]) -> None:
        """Project; a graph that turns out to need it is filled anew from the ledger first."""
        try:
            project(received, self.ports)
        except UnavailableError:
            if not self._needs_rebuild():
                raise
            self._make_good()
            project(received, self.ports)

    def _make_good(self) -> None:
        if backfill.was_left(self.ports):
            backfill.resume(self.ports, self._unless_stopping)
        elif self._needs_rebuild():
            rebuild(self.ports, self._unless_stopping)

    def _bring_in(self) -> None:
        if not self._stopping.wait(_GRACE):
            backfill.end(self.ports, self._unless_stopping)

    def _unless_stopping(self, _: str, __: int) -> None:
        self._moved = monotonic()
        if self._stopping.is_set():
            raise UnavailableError("the process is ending; run the command again")

    def _subscribe(self) -> None:
        self.refresher.start()
        handler = batches(self._project, bus=self._engines.bus, group=GROUP, clock=self._engines.clock)
        self._subscription = self._engines.bus.subscribe(
            GROUP, COMMERCE, handler, batch=self._engines.settings.graph_batch
        )
        bus = self._engines.bus
        asked = each(self.works.handle, bus=bus, group=working.GROUP, giving_up=partial(give_up, bus=bus))
        self._asked = bus.subscribe(working.GROUP, [GRAPH_REQUESTS], asked, batch=1)
        self.watch.start()

    def _changed(self, changed: Changed) -> None:
        self.refresher.note(changed)
        self.pacing.changed(changed.shops)


def build(engines: Engines) -> GraphService:
    """Put the service together; nothing runs before `start`."""
    return GraphService(engines)
