"""A lane offers what its partition delivered in order, and lets go when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace

from shared.bus.faust_lane import Lane
from shared.bus.port import Record
from shared.contracts.topics import PURCHASES


class Log:
    """A log that the group has not read yet."""

    def start(self, _topic: str, _partition: int) -> tuple[str, int]:
        return "the log", 0


def delivered(offset: int) -> SimpleNamespace:
    return SimpleNamespace(partition=0, offset=offset, key=b"shop|u", value=b"%d" % offset, headers=(), timestamp=0)


async def offered(answers: list[bool]) -> list[bytes]:
    """Return what a lane of five messages offers, two at a time, to who gives these answers without a pause."""
    seen: list[bytes] = []
    through = asyncio.Event()

    async def offer(records: Sequence[Record]) -> bool:
        seen.append(b" ".join(record.message.value for record in records))
        answer = answers.pop(0)
        if not (answer and answers):
            through.set()
        return answer

    lane = Lane(PURCHASES, 0, Log(), offer, lambda _: None, batch=2)
    for offset in range(5):
        lane.add(delivered(offset))
    await through.wait()
    assert await lane.close(5.0)
    return seen


def test_a_lane_offers_batches_in_order():
    assert asyncio.run(offered([True, True, True])) == [b"0 1", b"2 3", b"4"]


def test_a_lane_whose_batch_was_refused_ends_and_does_not_keep_the_event_loop_busy():
    """To offer it again at once kept everything else from running: the worker never let go, and said nothing."""
    assert asyncio.run(offered([True, False, True, True])) == [b"0 1", b"2 3"]
