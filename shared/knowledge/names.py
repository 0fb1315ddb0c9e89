"""Names as they would be printed: what a till shouts or cuts short in plain words. Boards, emails, page: one way."""

from __future__ import annotations

import re
from functools import lru_cache

_SHORTEST = 3  # what is shorter and in capitals is a code
_ACRONYMS = frozenset({"aa", "aaa", "bbq", "cd", "dvd", "hd", "ipa", "led", "pc", "tv", "uht", "usa", "usb"})
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
    r"(?i)\s+(?P<count>\d+ \d/\d|\d*[.,]?\d+)(?:\s|(?=[a-z]{2})|(?<=\d\d)|(?<=[.,]\d))"  # 5G is a network
    r"(?P<unit>fl oz|oz|lbs?|ct|gal?|g|kg|cl|l|ml|dz|dozen|pk|pc|pt|qt|in|sq ft|rolls|loads)\.?$"
)
_UNITS = {"ga": "gal", "l": "L", "ml": "ml", "dz": "dozen"}
_DANGLING = re.compile(r"(?i)(?:[\s,&-]+(?:or|and|with|incl|in|for|of|under|over|the|to))+$|[\s,&-]+$")
_WORD = re.compile(r"[^\W\d_]+")


@lru_cache(maxsize=20_000)
def tidy(name: str) -> str:
    """Return a name as it would be printed: what is shouted or cut short like a till receipt is set in plain words."""
    text = " ".join(name.replace("_", " ").split())
    if not text.isupper() or len(text) < _SHORTEST:
        return text
    body, size = _size_apart(text)
    bare = re.sub(r"\s*\([^)]*\)?", "", body) or body
    if len(body) >= _CUT_OFF:
        bare = _DANGLING.sub("", re.sub(r"[\s,-]+\S{1,3}$", "", bare)) or bare
    bare = re.sub(r"\s+\S*\d\S*[/&]\S*.*$", "", bare)
    spelt = _WORD.sub(lambda word: _spelt(word[0]), bare)
    joined = re.sub(r"\s*&\s*", " & ", re.sub(r"\s*[:/]\s*|\s+-\s+", ", ", spelt)).strip(" ,-")
    return _capital(joined) + size


def _spelt(word: str) -> str:
    small = word.lower()
    return word if small in _ACRONYMS else _ABBREVIATIONS.get(small, small)


def without_size(name: str) -> str:
    """Return a name as one says it: without the size of its packet."""
    return _SIZE.sub("", name) or name


def _capital(text: str) -> str:
    """Return a text whose first letter is a capital, digits before it or not."""
    first = _WORD.search(text)
    at = first.start() if first else 0
    return text[:at] + text[at : at + 1].upper() + text[at + 1 :]


def _size_apart(text: str) -> tuple[str, str]:
    found = _SIZE.search(text)
    if not found:
        return text, ""
    unit = found["unit"].lower()
    return text[: found.start()].rstrip(), f" {found['count']} {_UNITS.get(unit, unit)}"
