"""Judges shops of other shapes than a grocer's year beside the usual methods, by the replay that shops are fitted with.

Run: tastegraph bench shapes [SHAPE ...]   (all of bench/judging/shapes.py when left out; a table on stdout)

A shop is fitted on what came before its last four weeks, and judged on these, by at most 1,000 people who came back.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import quality
from judging.baselines import BASELINES, Shop
from judging.shapes import SHAPES

from services.graph.fitting import fit
from services.graph.trial import Trial
from shared.knowledge.port import PurchaseMatrix

PEOPLE = 1_000


def matrix(lines: pd.DataFrame) -> PurchaseMatrix:
    """The lines as the graph gives them to a refresh."""
    user, users = pd.factorize(lines["user"], sort=True)
    product, products = pd.factorize(lines["product"], sort=True)
    times = lines["time"].astype("datetime64[ms]").astype("int64").to_numpy()
    return PurchaseMatrix(list(users), list(products), user.astype(np.int64), product.astype(np.int64), times)


def judged(lines: pd.DataFrame) -> dict[str, dict[str, np.ndarray]]:
    """NDCG@10 of each person by kind of list and method, ours first; nan for whom there is nothing to judge."""
    before, after = quality.split(lines, "last-weeks")
    after = quality.spread(after, PEOPLE)
    wanted = {user: frozenset(rows) for user, rows in after.groupby("user")["product"]}
    past = matrix(before)
    trial, parameters = Trial(past, wanted, sorted(wanted)), fit(past).parameters
    shop = Shop.of(before)
    truths = {"ALL": wanted, "NOVEL": {user: want - shop.owned(user) for user, want in wanted.items()}}
    ours = {"ALL": trial.top(parameters), "NOVEL": trial.discover(parameters)}
    found: dict[str, dict[str, np.ndarray]] = {}
    for kind, truth in truths.items():
        found[kind] = {"ours": ours[kind]}
        for name, score in BASELINES.items():
            found[kind][name] = gains(shop.lists(score, trial.people, novel=kind == "NOVEL"), truth, trial.people)
    return found


def gains(lists: dict[str, list[str]], truth: dict[str, frozenset[str]], people: list[str]) -> np.ndarray:
    """NDCG@10 of each person's list."""
    some = [quality.judged({user: lists[user]}, {user: set(truth[user])}) for user in people]
    return np.array([one[0][1] if len(one) else np.nan for one in some])


def row(shape: str, kind: str, found: dict[str, np.ndarray]) -> str:
    """One line of the table: ours, the best of the others, and the difference in its standard errors."""
    best = max((name for name in found if name != "ours"), key=lambda name: float(np.nanmean(found[name])))
    difference = found["ours"] - found[best]
    difference = difference[np.isfinite(difference)]
    error = difference.std() / np.sqrt(len(difference)) or np.inf
    ours, theirs = (float(np.nanmean(found[name])) for name in ("ours", best))
    figures = f"{len(difference):,} | {ours:.4f} | {theirs:.4f}, {best} | {difference.mean() / error:+.1f}"
    return f"| {shape} | {kind} | {figures} |"


def main() -> None:
    lines = quality.prepared(quality.grocer(None))
    print(
        "| shop | list | people | ours | best of the others | difference, standard errors |\n|---|---|---|---|---|---|"
    )
    for shape in sys.argv[1:] or SHAPES:
        if shape not in SHAPES:
            sys.exit(f"no shape is called {shape}; there are: {', '.join(SHAPES)}")
        for kind, found in judged(SHAPES[shape](lines, np.random.default_rng(1))).items():
            print(row(shape, kind, found), flush=True)


if __name__ == "__main__":
    main()
