"""A worker stops in time, whatever its Faust app does."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from shared.bus import faust_worker
from shared.bus.faust_worker import Worker
from shared.bus.kafka_cluster import cluster
from shared.config import Settings
from shared.contracts.topics import PURCHASES


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
