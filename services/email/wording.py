"""An email's words: copy kept as data, one file per language, filled with why this person hears from the shop now."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from statistics import median
from textwrap import shorten
from typing import Any

from shared.knowledge.insight import Insight, Via
from shared.knowledge.names import tidy, without_size
from shared.knowledge.reasons import SEVERAL
from shared.knowledge.recommend import Item

LANGUAGES = ("en", "de")  # the first serves every other locale
_DAY = 86_400_000
_DUE_FROM, _DUE_TO = 0.8, 2.5  # in usual gaps since the last purchase: sooner is pushy, later is no habit any more
_REPEATS = 3  # purchases that make a habit
_LONGEST_NAME = 48  # in a subject or a headline

Copy = Mapping[str, Any]


@dataclass(frozen=True)
class Why:
    """Why an email comes now: which variant of the copy tells it, and the words that fill it in."""

    variant: str
    facts: Mapping[str, str]


@cache
def copy_for(locale: str | None) -> Copy:
    """Return the copy of a locale's language, or the default's; `language` says which it is."""
    language = (locale or "").replace("_", "-").split("-")[0].lower()
    chosen = language if language in LANGUAGES else LANGUAGES[0]
    text = (files("services.email") / "copy" / f"{chosen}.json").read_text(encoding="utf-8")
    return {**json.loads(text), "language": chosen}


def due_first(items: Sequence[Item], insight: Insight) -> tuple[Item, ...]:
    """Return the items with the first one that is due in front: it is what the headline is about."""
    if any("pin" in item.parts for item in items):
        return tuple(items)  # the shop has said what comes first
    due = next((item for item in items if _gap_if_due(item, insight)), None)
    return tuple(items) if due is None else (due, *(item for item in items if item is not due))


def why_now(template: str, first: Sequence[Item], second: Sequence[Item], insight: Insight, copy: Copy) -> Why:
    """Return what an email of these two slates is about."""
    new = _short(second[0].product.title) if second else ""
    if first:
        lead, gap = _short(first[0].product.title), _gap_if_due(first[0], insight)
        if gap is None:
            return Why("regular", {"lead": lead, "new": new})
        ago = _words_for(_days_since(first[0], insight), copy["ago"])
        return Why("due", {"lead": lead, "new": new, "gap": _words_for(gap, copy["gap"]), "ago": ago})
    if not second:
        return Why("bare", {})
    path = second[0].path
    source = _short(path.source_name) if path and path.source_name else ""
    told = {Via.BOUGHT_WITH: "bought", Via.INTEREST: "interest"}.get(path.via, "") if path and source else ""
    if told == "bought" and path and path.support < SEVERAL:
        told = ""  # the copy speaks of others
    variant = told if told in copy[template] else "regular"
    return Why(variant, {"lead": new, "new": new, "source": source})


def words(template: str, why: Why, shop: str, first_name: str | None, copy: Copy) -> dict[str, str]:
    """Return subject, preheader, headline and lead."""
    said = {
        name: text.format_map({"shop": shop, **why.facts}) for name, text in copy[template].get(why.variant, {}).items()
    }
    if first_name:
        name = shorten(first_name, 40, placeholder="…")
        said["subject"] = copy["hello"].format(first_name=name, subject=said["subject"])
    return {**said, "subject": said["subject"][:1].upper() + said["subject"][1:]}


def reason(item: Item, insight: Insight, copy: Copy) -> str:
    """Return an item's reason in the copy's language; the default language is the one that reasons are made in."""
    told = copy.get("reasons")
    if told is None:
        return item.reason
    if item.path is None and item.slate == "discover":
        return str(told["shop"]) if item.rules else str(told[Via.POPULAR.value])
    said = _told(item, insight, copy, told)
    return f"{said} ({told['ruled']})" if item.rules and item.parts.get("boost", 1.0) >= 1 else said


def _told(item: Item, insight: Insight, copy: Copy, told: Mapping[str, str]) -> str:
    if item.slate == "buy_again":
        ago = _words_for(_days_since(item, insight), copy["ago"])
        count = len(_bought(item, insight))
        return str(told["once" if count <= 1 else "often"].format(ago=ago, count=count))
    source = tidy(item.path.source_name) if item.path and item.path.source_name else ""
    kind = item.path.via.value if item.path else Via.POPULAR.value
    if kind == Via.BOUGHT_WITH.value and not source:
        kind = "bought_with_something"
    if kind == Via.INTEREST.value and not source:
        kind = Via.POPULAR.value
    few = f"{kind}_of_few" if item.path and item.path.support < SEVERAL else kind
    return str(told.get(few, told[kind]).format(source=source))


def _gap_if_due(item: Item, insight: Insight) -> float | None:
    """Return the usual days between purchases, if it is time again."""
    times = _bought(item, insight)
    if len(times) < _REPEATS:
        return None
    gap = float(median(later - sooner for sooner, later in pairwise(times))) / _DAY
    since = _days_since(item, insight)
    return gap if gap >= 1 and _DUE_FROM * gap <= since <= _DUE_TO * gap else None


def _days_since(item: Item, insight: Insight) -> float:
    times = _bought(item, insight)
    return max(0.0, (insight.at - times[-1]) / _DAY) if times else 0.0


def _bought(item: Item, insight: Insight) -> Sequence[int]:
    """Return when an item was bought, oldest first."""
    wanted = item.product.product_id
    bought = next((each for each in insight.bought if each.product.product_id == wanted), None)
    return [time for time in bought.times if time <= insight.at] if bought else []


def _words_for(days: float, steps: Sequence[tuple[float, str]]) -> str:
    text = next((words for limit, words in steps if int(days) < limit), steps[-1][1])
    return text.format(months=round(days / 30.4), years=round(days / 365))


def _short(name: str) -> str:
    """Return a name as one says it in a sentence: without its pack size, and not endlessly."""
    return shorten(without_size(tidy(name)), _LONGEST_NAME, placeholder="…")
