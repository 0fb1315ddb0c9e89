"""The board's words: a title made of interests, and texts for those who listen to it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from babel.numbers import format_currency

from shared.knowledge.insight import Product
from shared.knowledge.names import tidy, without_size


def headline(name: str) -> str:
    """Return a name for large type: without the size of its packet, and without what follows a comma."""
    return shorter(without_size(name))[-1]


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
