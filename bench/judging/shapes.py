"""Shops of other shapes: cut out of The Complete Journey, or invented where nobody's taste ever changes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

_FOOD = {
    "GROCERY", "PRODUCE", "MEAT", "MEAT-PCKGD", "DELI", "PASTRY", "DAIRY", "SEAFOOD", "SEAFOOD-PCKGD", "SALAD BAR",
    "CHEF SHOPPE", "DELI/SNACK BAR", "FROZEN GROCERY",
}  # fmt: skip
_KINDS, _LIKED, _SHARED = 60, 3, 0.4  # of the invented shop: kinds of things, how many a person likes, what all like

Cut = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]


def _drugstore(lines, _chance):
    return lines[lines["department"] == "DRUG GM"]


def _no_food(lines, _chance):
    return lines[~lines["department"].isin(_FOOD)]


def _six_baskets(lines, chance):
    baskets = lines[["user", "basket"]].drop_duplicates().sample(frac=1, random_state=chance)
    return lines[lines["basket"].isin(baskets[baskets.groupby("user").cumcount() < 6]["basket"])]


def _no_staples(lines, _chance):
    buyers = lines.groupby("product")["user"].nunique().sort_values(ascending=False)
    return lines[~lines["product"].isin(buyers.index[:1500])]


def _few_repeats(share):
    def cut(lines, chance):
        ordered = lines.sort_values("time")
        return ordered[~ordered.duplicated(["user", "product"]) | (chance.random(len(ordered)) < share)]

    return cut


def _households(count):
    def cut(lines, chance):
        return lines[lines["user"].isin(chance.choice(np.sort(lines["user"].unique()), count, replace=False))]

    return cut


def _four_months(lines, _chance):
    return lines[lines["day"] > lines["day"].max() - 120]


def _invented(_lines, chance, people=20_000, products=40_000, purchases=260_000):
    """Everybody buys at random of three kinds of things and of what all like; what is popular is bought more often."""
    many = 1 + (chance.pareto(1.3, people) * purchases / people).clip(max=400) // 2
    user = np.repeat(np.arange(people), many.astype(int))
    weight = 1 / np.arange(1, products + 1) ** 0.8
    kind = chance.integers(0, _KINDS, products)
    liked = chance.integers(0, _KINDS, (people, _LIKED))[user, chance.integers(0, _LIKED, len(user))]
    product = chance.choice(products, len(user), p=weight / weight.sum())
    for one in range(_KINDS):
        of = np.flatnonzero(kind == one)
        mine = np.flatnonzero((liked == one) & (chance.random(len(user)) > _SHARED))
        product[mine] = chance.choice(of, len(mine), p=weight[of] / weight[of].sum())
    start = chance.random(people)[user] * 120
    visits = (chance.random(len(user)) * (1 + many[user] // 5)).astype(int)
    day = np.floor(start + (visits + 1) / (2 + many[user] // 5) * (152 - start))
    text = {"user": user, "basket": user * 200 + visits, "product": product}
    made = pd.DataFrame({name: pd.Series(some).astype(str) for name, some in text.items()})
    made = made.assign(day=day, time=pd.Timestamp("2000-01-01") + pd.to_timedelta(day, unit="D"))
    return made.drop_duplicates(["user", "basket", "product"])


SHAPES: dict[str, Cut] = {
    "as it is": lambda lines, _: lines,
    "drugstore department only": _drugstore,
    "no food": _no_food,
    "six baskets a person": _six_baskets,
    "without the 1,500 most bought products": _no_staples,
    "nine of ten repeats taken out": _few_repeats(0.1),
    "every repeat taken out": _few_repeats(0.0),
    "300 households": _households(300),
    "sixty households": _households(60),
    "the last four months": _four_months,
    "invented, tastes never change": _invented,
}
