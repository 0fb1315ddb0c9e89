"""What goes on a board, before where: products gathered into sections by interest. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from services.visionboard import words
from services.visionboard.layout import GRIDS, MAX_SECTIONS, SCALES, room, template
from services.visionboard.model import LayoutName, Slate
from shared.knowledge.insight import Bought, Insight, Product
from shared.knowledge.names import tidy
from shared.knowledge.recommend import Item, Recommendation
from shared.knowledge.rules import offerable

FAVOURITES = "Everyday favourites"
DISCOVERIES = "Something new"
_DAY = 86_400_000
_STATED = 4.0  # a stated interest counts like so many recent purchases
_OPENING = 3  # with so few products, one section says more than three


@dataclass(frozen=True)
class Pick:
    """A product that may be shown: why, how strongly, and from which slate."""

    product: Product
    slate: Slate
    weight: float
    reason: str
    interest: str


@dataclass(frozen=True)
class Chapter:
    """A section to be: an interest, its share of the board, why it is here, and its products, the strongest first."""

    interest: str
    weight: float
    why: str
    picks: tuple[Pick, ...]


@dataclass(frozen=True)
class Selection:
    """All that a board says: its hero, its chapters, the reason that is quoted."""

    hero: Pick | None
    chapters: tuple[Chapter, ...]
    quote: Pick | None
    interests: tuple[str, ...] = field(default=())

    @property
    def picks(self) -> tuple[Pick, ...]:
        """Return every product on the board, the hero first."""
        head = (self.hero,) if self.hero else ()
        return head + tuple(pick for chapter in self.chapters for pick in chapter.picks)


Group = tuple[str, list[Pick]]


def curate(insight: Insight, recommendation: Recommendation, layout: LayoutName) -> Selection:
    """Choose a board's products and gather them into at most five sections of different weight."""
    picks = _picks(insight, recommendation)
    if not picks:
        return Selection(None, (), None)
    weights = _weights(picks, insight)
    hero = _hero(picks, weights)
    rest = [pick for pick in picks if pick is not hero]
    chapters = _chapters(rest, weights, insight, layout)
    shown = [pick for chapter in chapters for pick in chapter.picks]
    quote = next((pick for pick in _by_weight(shown) if pick.slate == "discover" and pick.reason), hero)
    interests = tuple(dict.fromkeys([hero.interest, *_ranked(weights)]))
    return Selection(hero, chapters, quote, interests)


def _picks(insight: Insight, recommendation: Recommendation) -> list[Pick]:
    """Return what is loved and what may be loved next, each product and each name once, the strongest first."""
    due = {item.product.product_id: item for item in recommendation.buy_again}
    dismissed = {reaction.product.product_id for reaction in insight.reactions if reaction.dismissed_at}
    loved = [
        _loved(bought, due.get(bought.product.product_id), insight)
        for bought in insight.bought
        if bought.kept > 0 and offerable(bought.product, insight.rules)
    ]
    fresh = [_fresh(item, place) for place, item in enumerate(recommendation.discover)]
    known = {pick.product.product_id for pick in (*loved, *fresh)}
    others = [
        _fresh(item, place) for place, item in enumerate(recommendation.top) if item.product.product_id not in known
    ]
    unique = {pick.product.product_id: pick for pick in reversed([*_by_weight(loved), *fresh, *others])}
    shown = [pick for pick in reversed(unique.values()) if pick.product.product_id not in dismissed]
    return list({words.product_name(pick.product): pick for pick in reversed(shown)}.values())[::-1]


def _loved(bought: Bought, item: Item | None, insight: Insight) -> Pick:
    ages = ((insight.at - time) / _DAY for time in bought.times)
    weight = bought.kept * sum(0.5 ** (max(age, 0.0) / insight.parameters.decay_days) for age in ages)
    times = len(bought.times)
    reason = item.reason if item else words.bought(times)
    slate: Slate = "buy_again" if item else "interest"
    return Pick(bought.product, slate, weight * (1.25 if item else 1.0), reason, interest_of(bought.product))


def _fresh(item: Item, place: int) -> Pick:
    slate: Slate = "buy_again" if item.slate == "buy_again" else "discover"
    return Pick(item.product, slate, 1.0 / (1 + place / 4), item.reason, interest_of(item.product))


def interest_of(product: Product) -> str:
    """Return the interest that a product stands under: its second category, for the first is a whole department."""
    if not product.categories:
        return FAVOURITES
    return tidy(product.categories[min(1, len(product.categories) - 1)])


def _by_weight(picks: Iterable[Pick]) -> list[Pick]:
    return sorted(picks, key=lambda pick: (-pick.weight, pick.product.product_id))


def _stated(insight: Insight) -> Mapping[str, float]:
    """Return how strongly each interest was stated, under every name it is known by."""
    stated: dict[str, float] = defaultdict(float)
    for interest in insight.interests:
        for name in {interest.name, *interest.matched}:
            key = tidy(name).casefold()
            stated[key] = max(stated[key], float(interest.stated or 0))
    return stated


def _weights(picks: Sequence[Pick], insight: Insight) -> dict[str, float]:
    weights: dict[str, float] = defaultdict(float)
    for pick in picks:
        weights[pick.interest] += pick.weight
    stated = _stated(insight)
    return {name: weight + _STATED * stated.get(name.casefold(), 0.0) for name, weight in weights.items()}


def _ranked(weights: Mapping[str, float]) -> list[str]:
    return sorted(weights, key=lambda name: (-weights[name], name))


def _hero(picks: Sequence[Pick], weights: Mapping[str, float]) -> Pick:
    """Choose the strongest product of the strongest interest, a pictured one if there is one near."""
    best = _ranked(weights)[0]
    candidates = _by_weight(pick for pick in picks if pick.interest == best)
    return next((pick for pick in candidates[:3] if pick.product.image_url), candidates[0])


def _chapters(
    picks: Sequence[Pick], weights: Mapping[str, float], insight: Insight, layout: LayoutName
) -> tuple[Chapter, ...]:
    groups = _groups(picks, weights, _most(picks, layout))
    filled = _seated(groups, layout)
    total = sum(_weight(name, members, weights) for name, members in filled) or 1.0
    stated = _stated(insight)
    return tuple(
        Chapter(name, round(_weight(name, members, weights) / total, 4), _why(name, members, stated), members)
        for name, members in filled
    )


def _seated(groups: Sequence[Group], layout: LayoutName) -> list[tuple[str, tuple[Pick, ...]]]:
    """Give each section of the page a group that can fill it: the strongest that can, else the fullest."""
    waiting = list(groups)
    seated = []
    for cells in template(layout, len(groups)).sections:
        capacity = room(GRIDS[layout].box(cells), SCALES[layout])
        fullest = max(waiting, key=lambda group: len(group[1]))
        name, members = next((group for group in waiting if len(group[1]) >= capacity), fullest)
        waiting = [group for group in waiting if group[0] != name]
        seated.append((name, _mixed(members, capacity)))
    return seated


def _weight(name: str, members: Sequence[Pick], weights: Mapping[str, float]) -> float:
    return weights.get(name, sum(pick.weight for pick in members) / 2)


def _why(name: str, members: Sequence[Pick], stated: Mapping[str, float]) -> str:
    if name == DISCOVERIES:
        return "Outside your usual aisles, yet close to your taste."
    if name == FAVOURITES:
        return "The everyday things that you come back to."
    new = sum(pick.slate == "discover" for pick in members)
    return words.why(name, len(members) - new, new, stated=stated.get(name.casefold(), 0.0) > 0)


def _most(picks: Sequence[Pick], layout: LayoutName) -> int:
    """Return how many sections so many products can fill: one for a few, then one for every two or three."""
    return 1 if len(picks) <= _OPENING else min(MAX_SECTIONS[layout], (len(picks) + 1) // 3 + 1)


def _groups(picks: Sequence[Pick], weights: Mapping[str, float], most: int) -> list[Group]:
    """Gather products by interest, the strongest first; those that would stand alone are gathered too."""
    members: dict[str, list[Pick]] = defaultdict(list)
    for pick in _by_weight(picks):
        members[pick.interest].append(pick)
    if not picks or len(members) == 1:
        return [half for name, group in members.items() for half in _halves(name, group)[: max(most, 1)]]
    full = [name for name in _ranked(weights) if len(members[name]) > 1][: max(1, most - 2)] if most > 1 else []
    kept: list[Group] = [(name, members[name]) for name in full]
    rest = _by_weight(pick for name, group in members.items() if name not in full for pick in group)
    return [*kept, *_gathered(rest, most - len(kept))]


def _gathered(picks: Sequence[Pick], most: int) -> list[Group]:
    """Tell what is left in at most two sections; a lone product of either kind goes with the others."""
    loved = [pick for pick in picks if pick.slate != "discover"]
    fresh = [pick for pick in picks if pick.slate == "discover"]
    if most > 1 and len(loved) > 1 and len(fresh) > 1:
        return [(FAVOURITES, loved), (DISCOVERIES, fresh)]
    name = DISCOVERIES if len(fresh) > len(loved) else FAVOURITES
    return [(name, list(picks))] if picks and most > 0 else []


def _halves(name: str, picks: Sequence[Pick]) -> list[Group]:
    """Tell one interest in two sections, what is loved and what is new; in one, if it is small."""
    if len(picks) <= _OPENING:
        return [(name, list(picks))]
    loved = [pick for pick in picks if pick.slate != "discover"]
    fresh = [pick for pick in picks if pick.slate == "discover"]
    if loved and fresh:
        return [(name, loved), (f"New in {words.lowered(name)}", fresh)]
    middle = (len(picks) + 1) // 2
    return [(name, list(picks[:middle])), (f"More {words.lowered(name)}", list(picks[middle:]))]


def _mixed(picks: Sequence[Pick], capacity: int) -> tuple[Pick, ...]:
    """Take as many as there is room for; about every third is new, if there are any new ones."""
    loved = [pick for pick in picks if pick.slate != "discover"]
    fresh = [pick for pick in picks if pick.slate == "discover"]
    new = min(len(fresh), max(capacity - len(loved), round(capacity / 3)))
    chosen = {pick.product.product_id for pick in (*loved[: capacity - new], *fresh[:new])}
    return tuple(pick for pick in picks if pick.product.product_id in chosen)
