"""A log whose last write was torn: it opens, what was acknowledged is there, and it takes more."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from shared.bus.port import Message
from shared.bus.sqlite import SqliteBus
from shared.contracts.topics import PURCHASES

ACKNOWLEDGED = 40


def published(bus: SqliteBus, first: int, count: int) -> None:
    for number in range(first, first + count):
        bus.publish([Message(PURCHASES, b"s|ann", str(number).encode() * 300)])


def torn(source: Path, target: Path, tail: bytes) -> None:
    """Copy a log as a crash would leave it, with the beginning of one more write at its end."""
    for part in ("bus.db", "bus.db-wal"):
        shutil.copy(source / part, target / part)
    with (target / "bus.db-wal").open("ab") as log:
        log.write(tail)


@pytest.mark.parametrize("how", ["half a frame", "noise", "an old frame again", "one byte"])
def test_a_torn_tail_costs_nothing_that_was_acknowledged(tmp_path: Path, how: str) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    after.mkdir()
    bus = SqliteBus(before / "bus.db")
    published(bus, 0, ACKNOWLEDGED)
    frames = (before / "bus.db-wal").read_bytes()
    noise = random.Random(how).randbytes(5000)  # noqa: S311 (the same noise every time)
    tails = {
        "half a frame": frames[-4120:-2000],
        "noise": noise,
        "an old frame again": frames[32:4152],
        "one byte": b"\0",
    }
    torn(before, after, tails[how])
    bus.close()

    reopened = SqliteBus(after / "bus.db")
    published(reopened, ACKNOWLEDGED, 3)
    records = reopened.read(PURCHASES, 0, 0, 100)
    reopened.close()

    assert [str(number).encode() * 300 for number in range(ACKNOWLEDGED + 3)] == [r.message.value for r in records]
    assert list(range(ACKNOWLEDGED + 3)) == [r.position.offset for r in records]


def test_a_log_cut_in_the_middle_of_what_was_acknowledged_is_not_what_the_other_tests_call_whole(
    tmp_path: Path,
) -> None:
    bus = SqliteBus(tmp_path / "bus.db")
    published(bus, 0, ACKNOWLEDGED)
    cut = tmp_path / "cut"
    cut.mkdir()
    torn(tmp_path, cut, b"")
    with (cut / "bus.db-wal").open("r+b") as log:
        log.truncate((cut / "bus.db-wal").stat().st_size // 2)
    bus.close()
    reopened = SqliteBus(cut / "bus.db")
    left = len(reopened.read(PURCHASES, 0, 0, 100))
    reopened.close()

    assert 0 < left < ACKNOWLEDGED
