"""The workers: a Faust app for each subscription, in a thread of its own; the only place where code is asynchronous.

Faust assigns partitions and delivers; it acknowledges nothing. It commits past messages in flight and drops batches
whose handler raised, so offsets are committed here, after a batch was handled (docs/adr/0007-faust-delivers.md).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from shared.bus.faust_lane import Log
from shared.bus.faust_worker import Worker
from shared.bus.kafka_cluster import Cluster
from shared.bus.port import BatchHandler
from shared.clock import monotonic
from shared.logs import logger

_RESTART_SECONDS = (0.5, 10.0)
_log = logger("bus")


class FaustSubscription:
    """Implements `shared.bus.port.Subscription`: keeps a worker running until stopped, whatever becomes of the broker.

    A worker that crashes is replaced by a new one, which starts from the committed offsets.
    """

    def __init__(
        self,
        cluster: Cluster,
        group: str,
        topics: Sequence[str],
        handler: BatchHandler,
        *,
        batch: int,
        log: Log,
        ended: Callable[[FaustSubscription], None],
    ) -> None:
        self._cluster, self._group, self._topics = cluster, group, tuple(topics)
        self._handler, self._batch, self._log, self._ended = handler, batch, log, ended
        self._worker: Worker | None = None
        self._loop = asyncio.new_event_loop()
        self._asked = asyncio.Event()
        self._down = "it has not started"
        self._seen = monotonic()
        self._thread = threading.Thread(target=self._run, name=f"{group}-consumer", daemon=True)

    def start(self) -> None:
        """Begin to offer records."""
        self._thread.start()

    def progress(self) -> float:
        """Return seconds since the consumer last did what it should: waited with nothing to do, or finished a batch."""
        worker = self._worker
        return monotonic() - (worker.seen if worker is not None else self._seen)

    def unready(self) -> str | None:
        """Return what keeps the consumer from its work, or none."""
        worker = self._worker
        return worker.unready() if worker is not None else f"the consumer {self._group} is down: {self._down}"

    def stop(self, timeout: float = 20.0) -> None:
        """Finish the batch in hand and stop; what was not finished is offered to the next consumer."""
        if self._thread.is_alive():
            with suppress(RuntimeError):  # the loop ended by itself just now
                self._loop.call_soon_threadsafe(self._asked.set)
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)
        if self._thread.is_alive():
            _log.warning("consumer.still-busy", group=self._group, seconds=timeout)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        with ThreadPoolExecutor(1, f"{self._group}-handler") as executor:
            try:
                self._loop.run_until_complete(self._keep_working(executor))
            finally:
                self._loop.run_until_complete(self._loop.shutdown_default_executor())
                self._loop.close()
                self._ended(self)

    async def _keep_working(self, executor: ThreadPoolExecutor) -> None:
        pause = _RESTART_SECONDS[0]
        while not self._asked.is_set():
            started = monotonic()
            try:
                await self._work(executor)
            except Exception as error:  # noqa: BLE001 (whatever felled the worker, another one is started)
                self._down = type(error).__name__
                _log.warning("worker.down", group=self._group, error=self._down)
            if monotonic() - started > _RESTART_SECONDS[1]:
                pause = _RESTART_SECONDS[0]
            with suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), pause)
            pause = min(pause * 2, _RESTART_SECONDS[1])

    async def _work(self, executor: ThreadPoolExecutor) -> None:
        """Run one worker until it is asked to stop or fails."""
        worker = Worker(
            self._cluster,
            self._group,
            self._topics,
            self._handler,
            batch=self._batch,
            log=self._log,
            executor=executor,
        )
        try:
            await worker.start()
            self._worker = worker
            await worker.serve(self._asked)
        finally:
            self._worker, self._seen = None, monotonic()
            await worker.stop()
