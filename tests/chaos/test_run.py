"""A run that is ended early leaves nothing behind."""

from __future__ import annotations

import signal
import sys
import threading

import pytest

from chaos.plan import Strike
from chaos.run import strike


class EndedWhileItHarms:
    """Does harm, and the run is told to end at that moment."""

    def __init__(self) -> None:
        self.healed: list[str] = []

    def begin(self, one: Strike):
        signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
        return lambda: self.healed.append(one.target)


def test_who_ends_a_run_early_finds_all_that_was_harmed_healed_and_nothing_else_begun():
    faults = EndedWhileItHarms()
    before = signal.signal(signal.SIGUSR1, lambda *_: sys.exit(1))
    try:
        with pytest.raises(SystemExit):
            strike([Strike(0, 60, "end", "mongodb", 1), Strike(50, 1, "kill", "kafka", 2)], 60, faults)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert faults.healed == ["mongodb"]
