"""How far a worker has come: offsets of finished batches, committed soon, and all of them before it lets go."""

from __future__ import annotations

import asyncio

import faust
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from shared.logs import logger

_COMMIT_SECONDS = 5.0
_PAUSE_SECONDS = 0.5

_log = logger("bus")


class Offsets:
    """Commits what is finished; many batches may share a commit. Belongs to one event loop."""

    def __init__(self, app: faust.App) -> None:
        self._app = app
        self._finished: dict[TopicPartition, int] = {}
        self._news = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()

    def finish(self, at: TopicPartition, following: int) -> None:
        """Note that everything before an offset is done."""
        self._finished[at] = following
        self._news.set()

    async def run(self) -> None:
        """Commit whenever there is something new."""
        while True:
            await self._news.wait()
            self._news.clear()
            if not await self.flush():
                await asyncio.sleep(_PAUSE_SECONDS)
                self._news.set()

    async def flush(self) -> bool:
        """Commit what is not yet committed; false if the broker did not take it."""
        async with self._one_at_a_time:
            offsets, self._finished = self._finished, {}
            if not offsets:
                return True
            try:
                await asyncio.wait_for(self._commit(offsets), _COMMIT_SECONDS)
            except (CommitFailedError, IllegalStateError) as error:
                _log.info("offsets.no-longer-ours", error=type(error).__name__)  # the next owner does it again
            except (KafkaError, TimeoutError) as error:
                _log.warning("offsets.not-committed", error=type(error).__name__)
                self._finished = offsets | self._finished
                return False
            return True

    async def _commit(self, offsets: dict[TopicPartition, int]) -> None:
        """Commit by the client itself: Faust's own way crashes the app when the broker is away."""
        thread = self._app.consumer._thread  # type: ignore[attr-defined]  # noqa: SLF001 (there is no public way)
        client = thread._ensure_consumer()  # noqa: SLF001
        ours = client.assignment()
        told = {at: OffsetAndMetadata(following, "") for at, following in offsets.items() if at in ours}
        if told:
            await thread.call_thread(client.commit, told)
