"""An import moves its resume point only past what the ledger has dealt with, in every partition."""

from __future__ import annotations

from services.embedded.importing import _passed
from shared.bus.port import Position


def at(partition: int, offset: int) -> Position:
    return Position("log", "purchases", partition, offset)


def test_a_batch_is_passed_once_every_partition_is():
    published = [at(0, 7), at(1, 3), at(0, 8)]

    assert not _passed([at(0, 8), at(1, 2)], published)
    assert not _passed([at(1, 3)], published)
    assert not _passed([at(0, 7), at(1, 3)], published)
    assert _passed([at(0, 8), at(1, 3)], published)


def test_another_log_passes_nothing():
    assert not _passed([Position("other", "purchases", 0, 9)], [at(0, 7)])
