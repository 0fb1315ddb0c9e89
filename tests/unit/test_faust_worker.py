"""A worker stops in time, whatever its Faust app does."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.bus import faust_worker
from shared.bus.faust_worker import Worker
from shared.bus.kafka_cluster import cluster
from shared.config import Settings
from shared.contracts.topics import PURCHASES
from shared.errors import UnavailableError


async def stopped(leave) -> None:
    with ThreadPoolExecutor(1) as executor:
        here = cluster(Settings(bus_url="kafka://127.0.0.1:1"))
        worker = Worker(here, "graph", [PURCHASES], print, batch=1, log=None, executor=executor)
        worker._app.stop = leave
        await worker.stop()


def test_a_worker_whose_consumer_never_closes_stops_all_the_same(monkeypatch):
    left = []

    async def never():
        try:
            await asyncio.Event().wait()
        finally:
            left.append("told to give up")

    monkeypatch.setattr(faust_worker, "_LEAVING_SECONDS", 0.05)
    asyncio.run(asyncio.wait_for(stopped(never), 20))
    assert left == ["told to give up"]


def test_a_worker_one_of_whose_tasks_has_ended_is_given_up():
    """Another one is started then; without its commits, say, it would go on and never get anywhere."""

    async def served() -> None:
        with ThreadPoolExecutor(1) as executor:
            here = cluster(Settings(bus_url="kafka://127.0.0.1:1"))
            worker = Worker(here, "graph", [PURCHASES], print, batch=1, log=None, executor=executor)
            worker._tasks = [asyncio.ensure_future(asyncio.sleep(0))]
            await asyncio.wait_for(worker.serve(asyncio.Event()), 20)

    with pytest.raises(UnavailableError, match="a task of the worker ended"):
        asyncio.run(served())


class OddOnce:
    """A log that fails as nobody expects, and answers from then on."""

    asked = 0

    def behind(self, _partitions) -> int:
        self.asked += 1
        if self.asked == 1:
            raise KeyError("a partition that is not there yet")
        return 7


def test_a_worker_looks_again_at_the_log_whatever_a_look_came_to(monkeypatch):
    monkeypatch.setattr(faust_worker, "_WATCH_SECONDS", 0.01)
    log = OddOnce()

    async def watched() -> int:
        with ThreadPoolExecutor(1) as executor:
            here = cluster(Settings(bus_url="kafka://127.0.0.1:1"))
            worker = Worker(here, "graph", [PURCHASES], print, batch=1, log=log, executor=executor)
            watching = asyncio.ensure_future(worker._watch())
            for _ in range(2000):
                if worker._behind or watching.done():
                    break
                await asyncio.sleep(0.01)
            watching.cancel()
            return worker._behind

    assert asyncio.run(asyncio.wait_for(watched(), 20)) == 7
