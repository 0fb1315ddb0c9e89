"""The plan of a run follows from its seed, keeps to its time, and harms at most three things at once."""

from __future__ import annotations

from itertools import chain

from chaos.plan import FAULTS, plan


def test_the_same_seed_gives_the_same_plan_and_another_seed_another():
    assert plan(7, 120) == plan(7, 120)
    assert plan(7, 120) != plan(8, 120)


def test_every_fault_is_of_a_known_kind_and_over_before_the_end():
    strikes = list(chain.from_iterable(plan(seed, 90) for seed in range(50)))
    assert {strike.fault for strike in strikes} == set(FAULTS)
    assert all(strike.target in FAULTS[strike.fault].targets for strike in strikes)
    assert all(strike.at + strike.seconds <= 90.5 for strike in strikes)


def test_at_most_three_faults_are_at_work_at_once_and_never_two_on_one_thing():
    for strikes in (plan(seed, 120) for seed in range(50)):
        for strike in strikes:
            during = [one for one in strikes if one.at <= strike.at < one.at + one.seconds]
            assert len(during) <= 3
            targets = [one.target for one in during if one.target != "log"]
            assert len(targets) == len(set(targets))


def test_every_plan_repeats_and_contradicts_so_that_deduplication_is_tried():
    assert all({"repeat", "contradict"} <= {strike.fault for strike in plan(seed, 10)} for seed in range(20))
