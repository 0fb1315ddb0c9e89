"""One partition on its way to the handler: in order, in batches, nothing skipped; gaps are filled from the log."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from shared.bus.kafka_reader import record_of
from shared.bus.port import Record
from shared.errors import UnavailableError
from shared.logs import logger

_log = logger("bus")
_PAUSE_SECONDS = 0.5


class Log(Protocol):
    """What a worker asks of the log, beside what is delivered to it. All block, and may raise UnavailableError."""

    def start(self, topic: str, partition: int) -> tuple[str, int]:
        """Return which log a topic is now, and the first offset of a partition that the group has not finished."""

    def messages(self, topic: str, partition: int, start: int, limit: int) -> list[Any]:
        """Return messages from an offset on."""

    def behind(self, partitions: Sequence[tuple[str, int]]) -> int:
        """Return how many messages of these partitions the group has not finished."""


class Lane:
    """Collects what one partition delivers and offers it. Belongs to one event loop.

    `offer` hands a batch to the handler until it is taken, and returns false if told to stop before that: the lane
    ends then. `finished` is called after each batch that was taken.
    """

    def __init__(
        self,
        topic: str,
        partition: int,
        log: Log,
        offer: Callable[[Sequence[Record]], Awaitable[bool]],
        finished: Callable[[Lane], None],
        *,
        batch: int,
    ) -> None:
        self.topic, self.partition = topic, partition
        self.next = 0  # the first offset that is not finished
        self._log, self._offer, self._finished, self._batch = log, offer, finished, batch
        self._waiting: deque[Any] = deque()
        self._last = -1
        self._name = ""
        self._news = asyncio.Event()
        self._closed = False
        self._task = asyncio.ensure_future(self._run())

    def __len__(self) -> int:
        """Return how many messages wait."""
        return len(self._waiting)

    def add(self, message: Any) -> None:
        """Take a message in; one that stands before the last means that the partition was set back, or made anew."""
        if message.offset <= self._last:
            self._waiting.clear()
            self._name = ""
        self._last = message.offset
        self._waiting.append(message)
        self._news.set()

    async def close(self, seconds: float) -> bool:
        """Finish the batch in hand and stop; what waits is forgotten. False if that takes longer."""
        self._end()
        done, _ = await asyncio.wait({self._task}, timeout=seconds)
        return bool(done)

    def _end(self) -> None:
        self._closed = True
        self._waiting.clear()
        self._news.set()

    async def _run(self) -> None:
        while not self._closed:
            await self._news.wait()
            self._news.clear()
            while self._waiting and not self._closed:
                await self._step()

    async def _step(self) -> None:
        try:
            records = await self._next_batch()
        except UnavailableError as error:
            _log.warning("lane.cannot-read", topic=self.topic, partition=self.partition, error=str(error))
            await asyncio.sleep(_PAUSE_SECONDS)
            return
        if not records or self._closed:
            return
        if not await self._offer(records):
            self._end()  # to offer it again would never let go of the event loop, and so never be told to close
        elif records[0].position.log == self._name:
            self.next = records[-1].position.offset + 1
            self._finished(self)

    async def _next_batch(self) -> list[Record]:
        if not self._name:
            self._name, self.next = await asyncio.to_thread(self._log.start, self.topic, self.partition)
        while self._waiting and self._waiting[0].offset < self.next:
            self._waiting.popleft()
        if not self._waiting:
            return []
        messages = await self._missing(self._waiting[0].offset) or list(self._waiting)[: self._batch]
        return [record_of(message, self._name, self.topic) for message in messages]

    async def _missing(self, until: int) -> list[Any]:
        """Return what was never delivered of the messages before an offset; usually nothing."""
        if until <= self.next:
            return []
        limit = min(self._batch, until - self.next)
        read = await asyncio.to_thread(self._log.messages, self.topic, self.partition, self.next, limit)
        missing = [message for message in read if message.offset < until]
        if missing:
            _log.warning("lane.gap-filled", topic=self.topic, partition=self.partition, count=len(missing))
        return missing
