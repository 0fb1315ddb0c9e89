"""A run that is ended early leaves nothing behind; what is harmed twice is healed before the second harm."""

from __future__ import annotations

import signal
import sys
import threading
import time

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


class SlowToHeal:
    """Takes longer to start a server again than the plan thinks."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def begin(self, one: Strike):
        self.done.append(f"{one.fault} {one.target}")

        def heal() -> None:
            time.sleep(0.5)
            self.done.append(f"healed {one.target}")

        return heal


def test_who_ends_a_run_early_finds_all_that_was_harmed_healed_and_nothing_else_begun():
    faults = EndedWhileItHarms()
    before = signal.signal(signal.SIGUSR1, lambda *_: sys.exit(1))
    try:
        with pytest.raises(SystemExit):
            strike([Strike(0, 60, "end", "mongodb", 1), Strike(50, 1, "kill", "kafka", 2)], 60, faults)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert faults.healed == ["mongodb"]


def test_a_server_that_is_still_starting_is_not_killed_again_until_it_has_started():
    faults = SlowToHeal()
    assert [] == strike([Strike(0, 0, "kill", "neo4j", 1), Strike(0.2, 0, "kill", "neo4j", 2)], 3, faults)
    assert faults.done == ["kill neo4j", "healed neo4j"] * 2


@pytest.mark.parametrize("first", ["graph-1", "graph-2"])
def test_who_is_harmed_with_another_is_not_told_to_end_twice(first):
    faults = SlowToHeal()
    strikes = [Strike(0, 0, "end", first, 1), Strike(0.2, 0, "offsets", "graph-1", 2), Strike(0.4, 0, "end", first, 3)]
    assert [] == strike(strikes, 4, faults)
    once = [f"end {first}", f"healed {first}"]
    assert faults.done == [*once, "offsets graph-1", "healed graph-1", *once]
