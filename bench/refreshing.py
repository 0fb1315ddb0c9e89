"""Measures what bringing neighbours up to date costs: a whole refresh, and after one basket of 1, 10 and 100 people.

Run: tastegraph bench refreshing [--households 250 1000 2469]
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from quality import grocer, prepared

from services.graph.ports import Changed
from services.graph.similarity import Refresher
from shared.clock import SystemClock
from shared.knowledge.ladybug import LadybugKnowledge
from shared.knowledge.rows import Facts, Present, Purchased

SHOP, TIMES = "bench", 5


def rows(lines):
    """The graph's rows of some purchase lines."""
    times = (lines["day"] * 86_400_000).astype("int64")
    yield ("shop", SHOP, SHOP), Present(int(times.max()))
    for user in lines["user"].unique():
        yield ("user", SHOP, user), Facts({})
    for product in lines["product"].unique():
        yield ("product", SHOP, product), Facts({})
    for (user, product), some in times.groupby([lines["user"], lines["product"]]):
        yield ("purchased", SHOP, user, product), bought(sorted(some))


def bought(times):
    return Purchased(tuple(map(int, times)), 1000 * len(times), 100, 0, 0, "USD")


def measured(lines):
    """Seconds of a whole refresh, and of updates after some people's next baskets."""
    with tempfile.TemporaryDirectory() as folder:
        knowledge = LadybugKnowledge(Path(folder), 1024)
        knowledge.load(rows(lines), [])
        refresher = Refresher(knowledge, SystemClock(), 0.0)
        found = {"lines": len(lines), "whole": timed(lambda: refresher.refresh(SHOP))}
        at = int(lines["day"].max() * 86_400_000)
        rng = np.random.default_rng(0)
        for people in (1, 10, 100):
            seconds = []
            for _ in range(TIMES):
                at += 1000
                buy(knowledge, refresher, lines, rng, people, at)
                seconds.append(timed(lambda: refresher.update(SHOP)))
            found[f"after {people}"] = statistics.median(seconds)
        knowledge.close()
    return found


def buy(knowledge, refresher, lines, rng, people, at):
    """Let some people buy ten products each, chosen as the shop's purchases are."""
    users = rng.choice(lines["user"].unique(), people, replace=False).tolist()
    chosen = [("purchased", SHOP, user, product) for user in users for product in rng.choice(lines["product"], 10)]
    knowledge.apply({key: bought([at]) for key in chosen}, [])
    refresher.note(Changed(frozenset({SHOP}), frozenset((SHOP, user) for user in users)))


def timed(act):
    started = time.perf_counter()
    act()
    return round(time.perf_counter() - started, 3)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--households", type=int, nargs="+", default=[250, 1000, 2469])
    for households in asked.parse_args().households:
        print(json.dumps({"households": households, **measured(prepared(grocer(households)))}), flush=True)


if __name__ == "__main__":
    main()
