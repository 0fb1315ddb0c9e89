"""Refreshing waits while events are waiting, yet not for ever."""

from __future__ import annotations

from services.graph.pacing import Pacing
from shared.errors import UnavailableError

A, B = frozenset({"a"}), frozenset({"b"})


def test_shops_are_held_back_while_much_is_waiting_and_passed_on_together():
    touched, lag = [], [1000]
    pacing = Pacing(touched.append, lambda: lag[0], 500, lambda: 0.0)
    pacing.changed(A)
    assert touched == []

    lag[0] = 500
    pacing.changed(B)

    assert sorted(touched) == ["a", "b"]


def test_under_endless_load_shops_are_passed_on_after_five_minutes():
    touched, now = [], [0.0]
    pacing = Pacing(touched.append, lambda: 1000, 500, lambda: now[0])
    for now[0] in (0.0, 299.0, 301.0, 302.0):
        pacing.changed(A)

    assert touched == ["a"]


def test_a_bus_that_does_not_answer_holds_nothing_back():
    def unavailable() -> int:
        raise UnavailableError("no bus")

    touched: list[str] = []
    Pacing(touched.append, unavailable, 500).changed(A)

    assert touched == ["a"]


def test_a_shop_that_is_being_filled_waits_for_the_end_of_it_and_keeps_no_other_waiting():
    touched, now = [], [0.0]
    pacing = Pacing(touched.append, lambda: 0, 500, lambda: now[0])
    with pacing.filling("a"):
        for now[0] in (0.0, 999.0):
            pacing.changed(A | B)
        assert touched == ["b", "b"]

    assert touched == ["b", "b", "a"]


def test_a_shop_filled_twice_at_once_waits_for_both():
    touched: list[str] = []
    pacing = Pacing(touched.append, lambda: 0, 500)
    with pacing.filling("a"):
        with pacing.filling("a"):
            pacing.changed(A)
        assert touched == []

    assert touched == ["a"]


def test_a_shop_that_is_held_back_is_looked_at_again_though_no_batch_comes():
    touched, lag, waiting = [], [1000], []
    pacing = Pacing(touched.append, lambda: lag[0], 500, lambda: 0.0, lambda _, act: waiting.append(act))
    pacing.changed(A)
    pacing.changed(B)
    assert 1 == len(waiting)

    waiting.pop()()
    assert (1, []) == (len(waiting), touched)

    lag[0] = 0
    waiting.pop()()
    assert (["a", "b"], []) == (sorted(touched), waiting)


def test_nothing_is_looked_at_after_the_end():
    touched, waiting = [], []
    pacing = Pacing(touched.append, lambda: 1000, 500, lambda: 0.0, lambda _, act: waiting.append(act))
    pacing.changed(A)
    pacing.stop()
    waiting.pop()()
    assert ([], []) == (touched, waiting)
