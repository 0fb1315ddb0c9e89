"""Why an item is offered, in words made from its strongest paths; a slate says no wording more often than it must."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from string import Formatter
from typing import NamedTuple

from shared.knowledge.insight import Bought, Path, Product, Via
from shared.knowledge.names import tidy, without_size

SEVERAL = 3  # people who must stand behind a path before a reason speaks of them
_DAY = 86_400_000
_HABIT, _MOST_OF_IT = 3, 1 / 3  # purchases of a shelf or a brand that make a habit; what most is from says nothing
_TELLING = 0.2  # what a kind of path must add, as a share of what the strongest does, for a reason to be told from it

# What one or two people did is nobody's business: of them it is said in these words.
_FEW = {
    Via.INTEREST: ("Because you are interested in {topic}",),
    Via.BOUGHT_WITH: ("Goes with {source}, which you buy",),
    Via.SIMILAR_USER: ("Close to what you usually buy from {shelf}", "Close to what you usually buy"),
    Via.POPULAR: ("From {shelf}, where you like to shop", "From what the shop offers"),
}
_MANY = {
    Via.INTEREST: (
        "Because you are interested in {topic}",
        "You like {topic}, and this is among what people buy of it now",
    ),
    Via.BOUGHT_WITH: (
        "Because you buy {source} and {another}, and people who do often pick this too",
        "Because you buy {source}, and people who do often pick this too",
        "Others who buy {source}, as you do, take this as well",
        "Goes well with {source}: others buy both",
    ),
    Via.SIMILAR_USER: (
        "You know {brand}, and people whose baskets look like yours buy this of theirs",
        "You often buy from {shelf}, and people whose baskets look like yours pick this there",
        "{count} people who shop much like you buy it",
        "People whose baskets look like yours buy it",
    ),
    Via.POPULAR: (
        "Popular right now, and from {shelf}, where you like to shop",
        "Popular in the shop right now",
        "{count} people bought it here lately",
    ),
}
_NAMELESS = ("Goes with things that you buy", "Often bought together with things that you buy")
_OFTEN = ("", "once", "twice", "three times", "four times", "five times", "six times", "seven times", "eight times")
_COUNTS = (
    "No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve",
    "Thirteen", "Fourteen", "Fifteen",
)  # fmt: skip


class Told(NamedTuple):
    """A reason, and the path that it is told from."""

    path: Path | None
    words: str


class Teller:
    """Tells one person why each new thing is offered: what says most, in words not used yet where there are any."""

    def __init__(self, bought: Sequence[Bought] = ()) -> None:
        self._bought = bought
        self._used: Counter[str] = Counter()  # how often each wording, and each thing that is named in it
        self._told: dict[str, Told] = {}

    def why(self, product: Product, shares: Sequence[tuple[float, Path]]) -> Told:
        """Return why to try a product, from the paths that lead to it and what each adds; the same when asked again."""
        if product.product_id not in self._told:
            self._told[product.product_id] = self._choose(product, shares)
        return self._told[product.product_id]

    def _choose(self, product: Product, shares: Sequence[tuple[float, Path]]) -> Told:
        choices = [
            (wording, path, facts)
            for path, others in _speaking(shares, _said(product.title))
            for facts in [self._facts(product, path, others)]
            for wording in _wordings(path, facts)
        ]
        if not choices:
            return Told(None, "")
        wording, path, facts = min(choices, key=lambda each: (self._used[each[0]], self._used[each[1].source_id]))
        self._used.update(filter(None, (wording, path.source_id)))
        return Told(path, wording.format_map(facts))

    def _facts(self, product: Product, path: Path, others: Iterable[Path]) -> Mapping[str, str]:
        """Return what there is to fill a wording in with."""
        names = {
            "source": _said(path.source_name),
            "topic": _lowered(tidy(path.source_name)),
            "another": next(
                (said for one in others if (said := _said(one.source_name)) != _said(path.source_name)), ""
            ),
            "count": _COUNTS[path.support] if path.support < len(_COUNTS) else str(path.support),
        }
        if path.via in {Via.SIMILAR_USER, Via.POPULAR}:
            names |= {"shelf": self._shelf(product), "brand": self._brand(product)}
        return {name: said for name, said in names.items() if said}

    def _shelf(self, product: Product) -> str:
        """Return the narrowest category of a product that its name does not say already, and that the person knows."""
        title = product.title.casefold()
        paths = (product.categories[:depth] for depth in range(len(product.categories), 0, -1))
        known = (path[-1] for path in paths if path[-1].casefold() not in title and self._habitual(path))
        return tidy(next(known, ""))

    def _brand(self, product: Product) -> str:
        return product.brand if product.brand and self._habitual(("brand:", product.brand)) else ""

    def _habitual(self, what: tuple[str, ...]) -> bool:
        return _HABIT <= self._habits.get(what, 0) <= _MOST_OF_IT * self._habits.get((), 0)

    @cached_property
    def _habits(self) -> Mapping[tuple[str, ...], int]:
        """How often the person bought of each category (its whole path) and brand, and at all."""
        shelves: dict[tuple[str, ...], int] = defaultdict(int)
        brands: dict[str | None, int] = defaultdict(int)
        for one in self._bought:
            if one.kept > 0:
                shelves[one.product.categories] += len(one.times)
                brands[one.product.brand] += len(one.times)
        counts: dict[tuple[str, ...], int] = defaultdict(int)
        counts |= {("brand:", brand): times for brand, times in brands.items() if brand}
        for path, times in shelves.items():
            for depth in range(len(path) + 1):
                counts[path[:depth]] += times
        return counts


def buy_again(bought: Bought, at: int) -> str:
    """Return why to buy it again: how often, and how long ago."""
    times = [time for time in bought.times if time <= at]
    ago = _ago(at - times[-1]) if times else "a while ago"
    if len(times) <= 1:
        return f"You bought it {ago}"
    return f"You bought it {_often(len(times))}, last {ago}"


def by_shop(reason: str, action: str) -> str:
    """Return a reason that also says that a rule of the shop lifted it: by a boost or a pin."""
    said = "picked by the shop" if action == "pin" else "featured by the shop"
    return f"{reason} ({said})" if reason else said.capitalize()


def _speaking(shares: Sequence[tuple[float, Path]], own: str) -> Iterator[tuple[Path, Sequence[Path]]]:
    """Yield what a reason may be told from, the most telling first: a kind's strongest path, and its next ones.

    A bought product or an interest that can be named, unlike the product itself, says more than a sum of many;
    popularity says least.
    """
    kinds: dict[Via, list[tuple[float, Path]]] = {}
    for share, path in shares:
        kinds.setdefault(path.via, []).append((share, path))
    totals = {via: sum(share for share, _ in some) for via, some in kinds.items()}
    most = max(totals.values(), default=0.0)
    for via in (Via.INTEREST, Via.BOUGHT_WITH, Via.SIMILAR_USER, Via.POPULAR):
        if 0 < totals.get(via, 0.0) >= _TELLING * most:
            some = [(_said(path.source_name) in {"", own}, -share, path) for share, path in kinds[via] if share > 0]
            first, *others = sorted(some, key=lambda each: each[:2])
            yield first[2], [path for nameless, _, path in others if not nameless]


def _wordings(path: Path, facts: Mapping[str, str]) -> Iterator[str]:
    """Yield what can be said of a path, the best first."""
    via = Via.POPULAR if path.via is Via.INTEREST and "topic" not in facts else path.via
    several = path.support >= SEVERAL
    if via is Via.BOUGHT_WITH and "source" not in facts:
        yield _NAMELESS[several]
        return
    for wording in (_MANY if several else _FEW)[via]:
        if _named_in(wording) <= facts.keys():
            yield wording


@cache
def _named_in(wording: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in Formatter().parse(wording) if name)


def _said(name: str) -> str:
    return without_size(tidy(name)) if name else ""


def _lowered(name: str) -> str:
    return name.lower() if name.isascii() else name


def _often(count: int) -> str:
    return _OFTEN[count] if count < len(_OFTEN) else f"{count} times"


def _ago(ms: int) -> str:
    days = max(0, ms // _DAY)
    for limit, words in (
        (1, "today"),
        (2, "yesterday"),
        (7, "a few days ago"),
        (11, "about a week ago"),
        (18, "about two weeks ago"),
        (25, "about three weeks ago"),
        (46, "about a month ago"),
    ):
        if days < limit:
            return words
    return f"about {round(days / 30.4)} months ago" if days < 700 else f"about {round(days / 365)} years ago"  # noqa: PLR2004
