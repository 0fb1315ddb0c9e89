"""One Faust app at work: what is delivered goes into a lane for each partition, what is finished is committed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple

from aiokafka.structs import TopicPartition
from tenacity import AsyncRetrying, RetryCallState, RetryError, retry_if_exception_type, wait_random_exponential

from shared.bus.faust_app import make_app
from shared.bus.faust_lane import Lane, Log
from shared.bus.faust_offsets import Offsets
from shared.bus.kafka_cluster import Cluster
from shared.bus.port import BatchHandler, Record
from shared.clock import monotonic
from shared.errors import TransientError, UnavailableError
from shared.logs import logger
from shared.metrics import CONSUMER_LAG, LAST_EVENT, RETRIES

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0
_HANDOVER_SECONDS = 8.0  # so long a rebalance or a stop waits for the batch in hand
_LEAVING_SECONDS = 8.0
_BEAT_SECONDS = 0.1
_WATCH_SECONDS = 2.0
_SILENT_SECONDS = 15.0  # after so long without an answer from the broker the worker is not ready
_BUFFER = 20_000  # messages that wait in memory, all lanes together

_log = logger("bus")


class Worker:
    """Serves one subscription until told to stop, or until its app crashes. Belongs to one event loop.

    The handler runs in one thread, a batch at a time; a partition whose batch is refused waits by itself meanwhile.
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
        executor: ThreadPoolExecutor,
    ) -> None:
        self.seen = monotonic()
        self._cluster, self._group, self._handler = cluster, group, handler
        self._batch, self._log, self._executor = batch, log, executor
        self._app = make_app(cluster, group, asyncio.get_running_loop())
        self._offsets = Offsets(self._app)
        self._lanes: dict[TopicPartition, Lane] = {}
        self._assigned: list[tuple[str, int]] | None = None
        self._halt, self._turn = asyncio.Event(), asyncio.Lock()
        self._heard, self._behind, self._moved = monotonic(), 0, True
        self._tasks: list[asyncio.Task[None]] = []
        topic = self._app.topic(*map(cluster.physical, topics), value_serializer="raw", allow_empty=True)
        self._app.agent(topic, name=f"{group}-agent")(self._collect)
        self._app.on_partitions_revoked.connect(self._on_revoked)
        self._app.on_partitions_assigned.connect(self._on_assigned)

    async def start(self) -> None:
        """Join the group."""
        self._app.finalize()
        await self._app.start()
        self._tasks = [asyncio.ensure_future(run()) for run in (self._offsets.run, self._watch, self._beat)]

    async def serve(self, asked: asyncio.Event) -> None:
        """Work until asked to stop.

        Raises:
            UnavailableError: the app crashed, or a task that it cannot work without.
        """
        while not asked.is_set():
            if self._app.crashed or self._app.should_stop:
                raise UnavailableError(f"the Faust app ended: {self._app.crash_reason!r}")
            if ended := [task for task in self._tasks if task.done()]:
                raise UnavailableError(f"a task of the worker ended: {ended[0]!r}")
            await _within(asked, _BEAT_SECONDS)

    async def stop(self) -> None:
        """Finish the batches in hand, commit, leave the group."""
        await self._let_go()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._leave()

    async def _leave(self) -> None:
        """Leave the group; if that takes too long, the broker will miss us by itself.

        Without its broker the consumer's thread may die while it closes, and Faust would wait for it for ever.
        """
        leaving = asyncio.ensure_future(self._app.stop())
        done, _ = await asyncio.wait({leaving}, timeout=_LEAVING_SECONDS)
        if done:
            leaving.result()
            return
        _log.warning("worker.left-without-a-word", group=self._group)
        leaving.cancel()
        await asyncio.wait({leaving}, timeout=1)

    def unready(self) -> str | None:
        """Return what keeps the worker from its work, or none."""
        if self._app.rebalancing or self._assigned is None:
            return f"the group {self._group} is being rebalanced"
        silent = monotonic() - self._heard
        return f"Kafka has been silent for {silent:.0f} s" if silent > _SILENT_SECONDS else None

    async def _collect(self, stream: Any) -> None:
        async for event in stream.noack().events():
            message = event.message
            if message.generation_id == self._app.consumer_generation_id:  # else it will be delivered again
                self._lane(message.tp).add(_delivered(message))
                self._hold_back(message.tp)

    def _lane(self, at: TopicPartition) -> Lane:
        if at not in self._lanes:
            topic, halt = self._cluster.logical(at.topic), self._halt

            async def offer(records: Sequence[Record]) -> bool:
                return await self._offer(records, halt)

            self._lanes[at] = Lane(topic, at.partition, self._log, offer, self._on_finished, batch=self._batch)
        return self._lanes[at]

    def _share(self) -> int:
        """Return how many messages may wait in each lane."""
        return max(2 * self._batch, _BUFFER // max(1, sum(len(lane) > 0 for lane in self._lanes.values())))

    def _hold_back(self, at: TopicPartition) -> None:
        """Stop fetching a partition of which enough waits; the others go on."""
        if len(self._lanes[at]) > self._share():
            self._app.consumer.pause_partitions({at})

    def _on_finished(self, lane: Lane) -> None:
        at = TopicPartition(self._cluster.physical(lane.topic), lane.partition)
        self._offsets.finish(at, lane.next)
        self._moved = True
        LAST_EVENT.labels(self._group).set(time.time())
        if self._lanes.get(at) is lane and len(lane) < self._share() // 2:
            self._app.consumer.resume_partitions({at})

    async def _offer(self, records: Sequence[Record], halt: asyncio.Event) -> bool:
        """Offer a batch until it is taken; false if told to stop before that."""
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(Exception),
            wait=wait_random_exponential(multiplier=_FIRST_PAUSE_SECONDS, max=_LONGEST_PAUSE_SECONDS),
            stop=lambda _: halt.is_set(),
            sleep=lambda seconds: _within(halt, seconds),
            before_sleep=self._before_offering_again,
        )
        try:
            await retrying(self._hand_over, records, halt)
        except RetryError:
            return False
        return True

    async def _hand_over(self, records: Sequence[Record], halt: asyncio.Event) -> None:
        async with self._turn:
            if halt.is_set():
                raise UnavailableError("told to stop")
            self.seen = monotonic()
            try:
                await asyncio.get_running_loop().run_in_executor(self._executor, self._handler, records)
            finally:
                self.seen = monotonic()

    def _before_offering_again(self, state: RetryCallState) -> None:
        RETRIES.labels(self._group).inc()
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, TransientError):
            _log.warning(
                "batch.offered-again", group=self._group, attempt=state.attempt_number, error=type(error).__name__
            )
        else:
            _log.error("batch.crashed", group=self._group, attempt=state.attempt_number, exc_info=error)

    async def _on_revoked(self, *_: Any, **__: Any) -> None:
        """Finish what is in hand before others may have it; every partition is given up at a rebalance."""
        self._assigned = None
        await self._let_go()

    async def _on_assigned(self, _: Any, /, *told: Any, **__: Any) -> None:
        self._assigned = [(self._cluster.logical(at.topic), at.partition) for at in told[0]]
        self._moved = True

    async def _let_go(self) -> None:
        self._halt.set()
        self._halt = asyncio.Event()
        lanes, self._lanes = list(self._lanes.values()), {}
        ended = await asyncio.gather(*(lane.close(_HANDOVER_SECONDS) for lane in lanes))
        if not all(ended):
            _log.warning("handover.batch-still-in-hand", group=self._group)
        await self._offsets.flush()

    async def _beat(self) -> None:
        """Note that the worker lives, unless it is in the handler, or messages lie there and nothing moves."""
        while True:
            if not self._turn.locked() and (self._moved or not self._behind):
                self.seen = monotonic()
            await asyncio.sleep(_BEAT_SECONDS)

    async def _watch(self) -> None:
        """Ask the log itself how far behind the worker is: a consumer that no longer fetches does not notice."""
        while True:
            try:
                moved, self._moved = self._moved, False
                behind = await asyncio.to_thread(self._log.behind, self._assigned or [])
                self._heard, self._behind = monotonic(), behind
                self._moved = self._moved or (moved and not behind)
                CONSUMER_LAG.labels(self._group).set(behind)
            except UnavailableError:
                pass  # `unready` tells for how long
            except Exception as error:  # noqa: BLE001 (who no longer looks is never ready again)
                _log.warning("watch.failed", group=self._group, error=type(error).__name__)
            await asyncio.sleep(_WATCH_SECONDS)


class _Delivered(NamedTuple):
    """A message as kafka-python would tell it: Faust gives the time in seconds."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    timestamp: int  # ms


def _delivered(message: Any) -> _Delivered:
    at = round(message.timestamp * 1000)
    return _Delivered(message.partition, message.offset, message.key, message.value, message.headers, at)


async def _within(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
