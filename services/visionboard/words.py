"""The board's words: names set tidily, a title made of interests, and texts for those who listen to it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from babel.numbers import format_currency

from shared.knowledge.insight import Product

_SHOUTED = re.compile(r"[A-Z][A-Z0-9&/.'’ :,()%-]*")
_ABBREVIATIONS = {
    "frzn": "frozen", "refrgratd": "refrigerated", "drnk": "drink", "drnks": "drinks", "sft": "soft", "btl": "bottle",
    "sngl": "single", "srv": "serve", "pwdr": "powder", "crystl": "crystal", "mx": "mix", "mxs": "mixes",
    "veg": "vegetable",
    "sald": "salad", "drsng": "dressing", "sndwch": "sandwich", "sprd": "spread", "pnt": "peanut", "btr": "butter",
    "bn": "bean", "brkfst": "breakfast", "whlsm": "wholesome", "misc": "mixed", "hbc": "care", "dnrs": "dinners",
    "dsh": "dishes", "sherbts": "sherbets", "cleang": "cleaning", "sply": "supplies", "fd": "food", "trsh": "trash",
    "bg": "bags", "jce": "juice", "conc": "concentrate", "chck": "chicken", "chick": "chicken", "bkd": "baked",
    "carb": "carbonated", "incl": "including",
}  # fmt: skip
_CUT_OFF = 28  # a till cuts names off at so many letters, the size it appends not counted
_SIZE = re.compile(
    r"(?i)\s+(?P<count>\d+ \d/\d|\d*\.?\d+)\s(?P<unit>oz|lbs?|ct|gal?|l|ml|dz|dozen|pk|pc|in|sq ft|rolls|loads)$"
)
_UNITS = {"ga": "gal", "l": "L", "ml": "ml", "dz": "dozen"}
_DANGLING = re.compile(r"(?i)(?:[\s,&-]+(?:or|and|with|incl|in|for|of|under|over|the|to))+$|[\s,&-]+$")


def tidy(name: str) -> str:
    """Return a name as it would be printed: what is shouted or cut short like a till receipt is set in plain words."""
    text = " ".join(name.split())
    if not _SHOUTED.fullmatch(text) or len(text) < 4:  # noqa: PLR2004 (a short name in capitals is an acronym)
        return text
    body, size = _size_apart(text)
    bare = re.sub(r"\s*\([^)]*\)?", "", body) or body
    if len(body) >= _CUT_OFF:
        bare = _DANGLING.sub("", re.sub(r"[\s,-]+\S{1,3}$", "", bare)) or bare
    bare = re.sub(r"\s+\S*\d\S*[/&]\S*.*$", "", bare)
    spelt = re.sub(r"[A-Z]+", lambda word: _ABBREVIATIONS.get(word[0].casefold(), word[0].casefold()), bare)
    joined = re.sub(r"\s*&\s*", " & ", re.sub(r"\s*[:/]\s*|\s+-\s+", ", ", spelt)).strip(" ,-")
    return joined[:1].upper() + joined[1:] + size


def _size_apart(text: str) -> tuple[str, str]:
    found = _SIZE.search(text)
    if not found:
        return text, ""
    unit = found["unit"].casefold()
    return text[: found.start()].rstrip(), f" {found['count']} {_UNITS.get(unit, unit)}"


def headline(name: str) -> str:
    """Return a name for large type: without the size of its packet, and without what follows a comma."""
    return shorter(_SIZE.sub("", name))[-1]


def bought(times: int) -> str:
    """Return how often something was bought, when there is no better reason to show it."""
    often = {1: "once", 2: "twice"}.get(times, f"{_number(times)} times")
    return f"You bought it {often}"


def product_name(product: Product) -> str:
    """Return what to call a product on the board."""
    return tidy(product.title)


def shorter(name: str) -> list[str]:
    """Return a name and shorter ones that are still whole: without brackets, then up to the first comma or dash."""
    bare = re.sub(r"\s*[(\[][^)\]]*[)\]]?", "", name).strip() or name
    head = re.split(r"\s*[,;:|]\s*|\s+[–—-]\s+", bare)[0] or bare
    return list(dict.fromkeys((name, bare, head)))


def shorter_reason(reason: str) -> list[str]:
    """Return a reason and its first clause or sentence, for where there is little room."""
    sentence = re.split(r"(?<=[.!?])\s", reason)[0]
    clause = re.split(r"\s*[;:,–—]\s+(?!\d)|\s+(?:and|which|while)\s+", sentence)[0].rstrip(".")
    return list(dict.fromkeys((reason, sentence, clause)))


def _listed(names: Sequence[str]) -> str:
    *head, last = names
    return f"{', '.join(head)} & {last}" if head else last


def lowered(name: str) -> str:
    """Return a name for the middle of a sentence: an ordinary word loses its capital, a proper one keeps it."""
    first, _, rest = name.partition(" ")
    ordinary = first[1:].islower() and (not rest or rest == rest.casefold())
    return name[:1].casefold() + name[1:] if ordinary else name


def titles(interests: Sequence[str]) -> list[str]:
    """Return titles made of the interests' names, the fullest first; the typesetter takes the first that fits."""
    heads = [shorter(tidy(name))[-1] for name in interests]
    named = [name if i == 0 else lowered(name) for i, name in enumerate(heads)]
    return [_listed(named[:count]) for count in range(min(3, len(named)), 0, -1)] or ["A board in the making"]


def subtitle(loved: int, new: int) -> str:
    """Return the line under the title: how much is old love, how much is new."""
    things = f"{_number(new)} {'thing' if new == 1 else 'things'}"
    match bool(loved), bool(new):
        case True, True:
            return f"What you keep coming back to, and {things} you may love next."
        case True, False:
            return "What you keep coming back to, gathered in one place."
        case False, True:
            return f"{things.capitalize()} to begin with, chosen for you."
        case _:
            return "Nothing here yet. It fills as you shop."


def _number(count: int) -> str:
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
    return words[count] if count < len(words) else str(count)


def why(interest: str, loved: int, new: int, *, stated: bool) -> str:
    """Return why an interest is on the board."""
    if stated:
        return f"You told us that you like {lowered(interest)}."
    if loved and new:
        return f"You keep coming back to {lowered(interest)}, and there is more of it to find."
    return f"You keep coming back to {lowered(interest)}." if loved else f"Something new in {lowered(interest)}."


def month(at: datetime) -> str:
    """Return a month and year, such as `November 2026`."""
    return f"{at:%B} {at.year}"


def price(product: Product) -> str | None:
    """Return the price as it is written, or none when it is unknown."""
    if product.price is None or product.currency is None:
        return None
    return str(format_currency(product.price, product.currency, locale="en"))


def monogram(name: str) -> str:
    """Return the one or two letters that stand for a name."""
    initials = [word[0] for word in re.findall(r"\w+", name) if word[0].isalpha()]
    letters = "".join(initials[:2] if len(name) > 12 else initials[:1])  # noqa: PLR2004 (short names take one letter)
    return letters.upper() or "·"


def product_alt(name: str, category: str | None, *, drawn: bool) -> str:
    """Return the alt text of a product's tile."""
    kind = f", from {lowered(category)}" if category and category.casefold() != name.casefold() else ""
    return f"{'Drawing' if drawn else 'Photo'} of {name}{kind}"


def board_alt(title: str, tiles: int, sections: Sequence[str]) -> str:
    """Return the whole board in a sentence."""
    about = f" about {_listed([lowered(name) for name in sections])}" if sections else ""
    return f"Vision board “{title}”: {tiles} {'product' if tiles == 1 else 'products'}{about}."
