"""Fits a shop's parameters on its own recent past: hold out its last weeks, try a few values, keep what is better.

It starts from the habit that suits the shop best; then a value replaces the one before it only if the difference
exceeds its standard error over the same people; so what the data does not decide stays, and a small shop is not fitted
to noise.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from services.graph.signals import DAY, present, until
from services.graph.trial import Trial
from shared.courtesy import considerate
from shared.knowledge.insight import Parameters
from shared.knowledge.port import PurchaseMatrix

LEAST_PEOPLE = 40  # who bought before and after the cut: with fewer, the defaults stay
MOST_PEOPLE = 1_000
_WINDOW = 28 * DAY
_SURE = 1.5  # standard errors by which a value must be better to be taken
_SECONDS = 60.0  # no further value is tried after so long

Grid = Sequence[tuple[str, Sequence[float]]]
_HABITS: Sequence[Mapping[str, float]] = (  # how people come back to a shop: rather seldom, weekly, or as ever
    {},
    {"decay_days": 150.0, "quick_share": 0.5, "loyalty_power": 0.25, "popularity_power": 0.05},
    {"decay_days": 1000.0, "quick_share": 0.0, "loyalty_power": 0.0, "popularity_power": 0.2},
)
_DISCOVER: Grid = (
    ("newcomer_power", (0.0, 0.25, 0.5, 0.75, 1.0)),
    ("ridge", (20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)),
    ("similar_share", (0.0, 0.3, 0.6, 1.0, 2.0, 5.0)),
    ("newcomer_days", (7.0, 14.0, 28.0, 60.0)),
    ("source_days", (60.0, 150.0, 400.0)),
    ("popular_share", (0.0, 0.1, 0.3, 1.0)),
    ("newcomer_power", (0.0, 0.25, 0.5, 0.75, 1.0)),
)
_TOP: Grid = (
    ("decay_days", (30.0, 60.0, 100.0, 150.0, 250.0, 500.0, 1000.0)),
    ("visit_share", (0.0, 0.5, 1.0)),
    ("quick_share", (0.0, 0.5, 1.0)),
    ("loyalty_power", (0.0, 0.25, 0.5, 1.0)),
    ("popularity_power", (0.0, 0.05, 0.1, 0.2, 0.4)),
    ("decay_days", (60.0, 100.0, 150.0, 250.0)),
    ("new_among_top", (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)),
)


@dataclass(frozen=True, slots=True)
class Fit:
    """A shop's parameters and how they came to be: when (ms, the shop's time), on whom, with which scores.

    `scores` are NDCG@10 on the held-out weeks, of the defaults and of the fitted: {"top": (before, after), …}.
    """

    parameters: Parameters
    at: int
    cut: int
    purchases: int  # how many there were
    people: int
    seconds: float
    scores: Mapping[str, tuple[float, float]]

    def as_json(self) -> dict[str, object]:
        """Return the record as plain JSON, without the parameters."""
        return {name: value for name, value in asdict(self).items() if name != "parameters"}

    @classmethod
    def read(cls, parameters: Parameters, record: Mapping[str, Any]) -> Fit | None:
        """Return the fit that a record tells, or none if it tells none."""
        return cls(parameters=parameters, **record) if record else None

    def grown(self, purchases: int) -> float:
        """Return how many times as many purchases there are now."""
        return purchases / max(self.purchases, 1)


def fit(purchases: PurchaseMatrix) -> Fit:
    """Return a shop's fitted parameters, or the defaults if its past is too short or too few people came back."""
    started, now = time.monotonic(), present(purchases)
    cut = cut_of(purchases)
    people = returning(purchases, cut)
    if len(people) < LEAST_PEOPLE:
        return Fit(Parameters(), now, cut, len(purchases.times), len(people), 0.0, {})
    trial = Trial(until(purchases, cut), _after(purchases, cut), _spread(people))
    fitted, scores = Parameters(), {}
    deadline = started + _SECONDS
    for name, grid, judge in (("discover", _DISCOVER, trial.discover), ("top", _TOP, trial.top)):
        before = judge(Parameters())
        if name == "top":
            fitted = suited(fitted, _HABITS, judge)
        fitted = search(fitted, grid, judge, deadline)
        scores[name] = (_mean(before), _mean(judge(fitted)))
    seconds = round(time.monotonic() - started, 2)
    return Fit(replace(fitted, fitted=True), now, cut, len(purchases.times), len(trial.people), seconds, scores)


def suited(
    start: Parameters, habits: Sequence[Mapping[str, float]], judge: Callable[[Parameters], np.ndarray]
) -> Parameters:
    """Return the parameters with which people are served best; the first of those that are equally good."""
    changes: list[dict[str, Any]] = [dict(habit) for habit in habits]
    return max((replace(start, **change) for change in changes), key=lambda one: _mean(judge(one)))


def search(start: Parameters, grid: Grid, judge: Callable[[Parameters], np.ndarray], deadline: float) -> Parameters:
    """Go through the grid, a parameter at a time; move where a value is better beyond its standard error.

    Args:
        judge: parameters → a score per person, nan where there is none.
        deadline: the monotonic time after which nothing further is tried.
    """
    best, scores = start, judge(start)
    for name, values in grid:
        for value in considerate(values):
            if value == getattr(best, name) or time.monotonic() > deadline:
                continue
            changed: dict[str, Any] = {name: value}
            tried = replace(best, **changed)
            found = judge(tried)
            if is_better(found, scores):
                best, scores = tried, found
    return best


def is_better(found: np.ndarray, held: np.ndarray) -> bool:
    """Say whether scores are better than others of the same people by more than the difference's standard error."""
    difference = (found - held)[np.isfinite(found) & np.isfinite(held)]
    if len(difference) < LEAST_PEOPLE:
        return False
    return bool(difference.mean() > _SURE * difference.std() / np.sqrt(len(difference)))


def cut_of(purchases: PurchaseMatrix) -> int:
    """Return where the held-out part begins (ms): four weeks before the end, or the last third of a shorter past."""
    if not len(purchases.times):
        return 0
    first, last = int(purchases.times.min()), present(purchases)
    return last - min(_WINDOW, (last - first) // 3)


def returning(purchases: PurchaseMatrix, cut: int) -> list[str]:
    """Return who bought both before and after a moment, in order."""
    late = purchases.times > cut
    both = np.intersect1d(purchases.user_index[late], purchases.user_index[~late])
    return sorted(purchases.users[index] for index in both.tolist())


def _after(purchases: PurchaseMatrix, cut: int) -> Mapping[str, frozenset[str]]:
    """Return what each user bought after a moment."""
    late = np.flatnonzero(purchases.times > cut)
    found: dict[str, set[str]] = {}
    for user, product in zip(purchases.user_index[late].tolist(), purchases.product_index[late].tolist(), strict=True):
        found.setdefault(purchases.users[user], set()).add(purchases.products[product])
    return {user: frozenset(products) for user, products in found.items()}


def _spread(people: Sequence[str]) -> list[str]:
    """Return at most so many of them, evenly over the order: the same ones each time."""
    chosen = np.unique(np.linspace(0, len(people) - 1, min(len(people), MOST_PEOPLE)).round().astype(int))
    return [people[index] for index in chosen.tolist()]


def _mean(scores: np.ndarray) -> float:
    told = scores[np.isfinite(scores)]
    return round(float(told.mean()), 5) if len(told) else 0.0
