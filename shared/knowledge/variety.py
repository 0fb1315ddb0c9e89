"""Things that are much alike stand back behind what is different: one narrow category, or names of variants."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Protocol, TypeVar

from shared.knowledge.insight import Product

Kind = tuple[str, ...]  # "shelf" and a path of categories, or "name" and a name's words: who shares one may be alike

_WORD = re.compile(r"[^\W\d_]+")
_ALIKE = 2  # near-identical offers that stand before what is different
_ALIKE_AT_MOST = 4
_COMMON, _TELLING = 0.6, 3  # the share of words that names of variants have in common, and from how many words on
_SHOWN = 20  # offers whose names those after them are compared with
_BROAD, _BROAD_AT_LEAST = 0.02, 5  # a category with a larger share (or count) of the candidates is not a narrow one
_NUMBERED, _NUMBERED_AT_LEAST = 0.1, 20  # if so many are called alike but for numbers, these are what tells them apart


class Offer(Protocol):
    """Whatever offers a product."""

    @property
    def product(self) -> Product:
        """Return the product."""


O = TypeVar("O", bound=Offer)  # noqa: E741 (one letter, as type variables have)


def varied(
    offers: Iterable[O], among: Sequence[Product], enough: int | None = None, beside: Iterable[Offer] = ()
) -> list[O]:
    """Keep the order, but let offers that are much alike stand back; beyond four of a kind they are left out.

    Of one name (but for case and spaces) the second stands back already, for nobody can tell it from the first; so does
    the first if what is shown `beside` is called so. `among` are all the products that might have been offered: they
    tell which categories are narrow, and where it is numbers that tell names apart. Nothing is looked at once `enough`
    offers are found that need not stand back: the list then begins as it would have.
    """
    broad = _broad(among)
    seen: Counter[Kind] = Counter()
    named, met = _Names(), {_own_name(offer.product) for offer in beside} - {""}
    first: list[O] = []
    back: list[O] = []
    for offer in offers:
        if len(first) == enough:
            break
        kinds = [kind for kind in _kinds(offer.product) if kind not in broad]
        for kind in kinds:
            seen[kind] += 1
        name = _own_name(offer.product)
        telling = _telling_words(name) if any(kind[0] == "name" for kind in kinds) else frozenset[str]()
        alike = max((1 + named.add(telling), *(seen[kind] for kind in kinds)))
        if alike <= _ALIKE and name not in met:
            first.append(offer)
        elif alike <= _ALIKE_AT_MOST:
            back.append(offer)
        if name:
            met.add(name)
    return [*first, *back]


def _broad(among: Sequence[Product]) -> frozenset[Kind]:
    """Return what so many of some products have in common that it makes none of them much alike."""
    most = {
        "shelf": max(_BROAD_AT_LEAST, _BROAD * len(among)),
        "name": max(_NUMBERED_AT_LEAST, _NUMBERED * len(among)),
    }
    counts = Counter(kind for product in among for kind in _kinds(product))
    return frozenset(kind for kind, count in counts.items() if count > most[kind[0]])


class _Names:
    """The names of the first offers, by their words: who shares one is found without asking all."""

    def __init__(self) -> None:
        self._sizes: list[int] = []
        self._with: dict[str, list[int]] = defaultdict(list)

    def add(self, words: frozenset[str]) -> int:
        """Return how many names so far are of one thing in other colours or sizes; let later ones meet this one."""
        shared = Counter(name for word in words for name in self._with.get(word, ()))
        alike = sum(
            count >= _COMMON * (len(words) + self._sizes[name] - count) for name, count in shared.items()
        )  # most of all their words are common
        if words and len(self._sizes) < _SHOWN:
            self._note(words)
        return alike

    def _note(self, words: Iterable[str]) -> None:
        for word in words:
            self._with[word].append(len(self._sizes))
        self._sizes.append(len(frozenset(words)))


def _own_name(product: Product) -> str:
    """Return a name that says more than its category, in small letters, single spaces; empty if there is none."""
    return "" if product.name is None or product.name in product.categories else _plain(product.name)


@lru_cache(maxsize=1 << 14)
def _plain(name: str) -> str:
    return " ".join(name.casefold().split())


def _telling_words(name: str) -> frozenset[str]:
    """Return a name's words, if there are enough to tell variants by."""
    words = frozenset(_words(name))
    return words if len(words) >= _TELLING else frozenset()


@lru_cache(maxsize=1 << 14)
def _words(name: str) -> tuple[str, ...]:
    return tuple(word for word in _WORD.findall(name.casefold()) if len(word) > 1)


def _kinds(product: Product) -> list[Kind]:
    """Return what may make products much alike: one narrow category, one name but for numbers."""
    words = _words(_own_name(product))
    kinds: list[Kind] = [("name", *words)] if words else []
    return [*kinds, ("shelf", *product.categories)] if product.categories else kinds
