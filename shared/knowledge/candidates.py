"""Where a user's paths lead: at most 300 products not bought yet, each with the paths to it, strongest first."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest

from shared.knowledge.engine import Engine
from shared.knowledge.hindsight import Hindsight
from shared.knowledge.insight import Bought, Candidate, Interest, Path, Product, Via
from shared.knowledge.near import BESIDE, Nearness, Quick
from shared.knowledge.reading_facts import Record, product_of, relevance
from shared.knowledge.rows import uid

MOST = 300
_SOURCES = 3  # bought products that a candidate's paths name; the others' weights are in one more path, without a name
_INTERESTS = 20
_DIGITS = 9  # engines add floats in any order: what is left of it is rounded away

Leads = dict[str, list[Path]]  # product id → paths of one kind, the best product first


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """From where paths start: a user, what they bought and are interested in, and what is not offered again."""

    shop: str
    user_id: str
    at: int
    past: bool  # seen from before the shop's present
    bought: Sequence[Bought]
    interests: Sequence[Interest]
    matches: Mapping[str, Sequence[tuple[str, float]]]  # interest id → matched category id and likeness
    owned: Collection[str]
    fade: float  # ms in which a purchase comes to matter e times less
    hindsight: Hindsight | None = None
    near: Nearness | None = None  # a quicker way to neighbours than the statements
    quick: Quick | None = None  # and to products


def candidates(engine: Engine, view: Viewpoint) -> tuple[Candidate, ...]:
    """Return where paths lead, kinds of paths taking turns, so that none crowds out another."""
    leads = [_beside(engine, view), _taste(engine, view), _interesting(engine, view), _popular(engine, view)]
    chosen = _in_turn(leads)
    found = _products(engine, view, chosen)
    if view.hindsight:
        found = {id: view.hindsight.seen(product) for id, product in found.items()}
    return tuple(
        Candidate(found[product], tuple(path for lead in leads for path in lead.get(product, ())))
        for product in chosen
        if product in found
    )


def _products(engine: Engine, view: Viewpoint, ids: Sequence[str]) -> Mapping[str, Product]:
    if view.quick:
        return view.quick.products(ids)
    uids = [uid("product", view.shop, id) for id in ids]
    rows = engine.run("the_products", {"uids": uids}) if uids else []
    return {row["id"]: product_of(row) for row in rows}


def _in_turn(leads: Sequence[Leads]) -> list[str]:
    turns = (product for turn in zip_longest(*leads) for product in turn if product is not None)
    return list(dict.fromkeys(turns))[:MOST]


def _ranked(leads: Leads) -> Leads:
    """Order products by the sum of their paths' weights, and each one's paths by theirs; ties by id."""
    ordered = {product: sorted(paths, key=_strength) for product, paths in leads.items()}
    total = {product: round(sum(path.weight for path in paths), _DIGITS) for product, paths in ordered.items()}
    return {product: ordered[product] for product in sorted(ordered, key=lambda product: (-total[product], product))}


def _strength(path: Path) -> tuple[bool, float, str]:
    """Named sources come first, then the sum of the others."""
    return not path.source_id and path.via is Via.BOUGHT_WITH, -path.weight, path.source_id


def _beside(engine: Engine, view: Viewpoint) -> Leads:
    if not view.bought:
        return {}
    titles = {one.product.product_id: one.product.title for one in view.bought}
    if view.near:
        rows = view.near.beside(view.bought, view.at, view.fade, view.owned)
    else:
        # What is owned already may stand among the rows, so that many more are asked for.
        moment = {"at": float(view.at), "fade": view.fade, "limit": BESIDE + len(view.owned)}
        rows = engine.run("beside_then" if view.past else "beside", _start(view) | moment)
    offered = islice(_offered(rows, view.owned), BESIDE)
    return _ranked({row["id"]: list(_sources(row, titles)) for row in offered})


def _sources(row: Record, titles: Mapping[str, str]) -> Iterator[Path]:
    edges = zip(row["scores"], row["supports"], row["sources"], strict=True)
    ordered = sorted([(-abs(score), source, score, support) for score, support, source in edges])
    for _, source, score, support in ordered[:_SOURCES]:
        yield Path(Via.BOUGHT_WITH, round(score, _DIGITS), support, source, titles.get(source, ""))
    if rest := ordered[_SOURCES:]:
        weight = round(sum(sorted([score for _, _, score, _ in rest])), _DIGITS)
        yield Path(Via.BOUGHT_WITH, weight, sum([support for _, _, _, support in rest]))


def _taste(engine: Engine, view: Viewpoint) -> Leads:
    if view.near:
        rows = view.near.taste(view.user_id)
    elif view.past:
        rows = engine.run("taste_then", _start(view) | {"at": view.at})
    else:
        rows = engine.run("taste", _start(view))
    offered = _offered(rows, view.owned)
    return _ranked(
        {row["id"]: [Path(Via.SIMILAR_USER, round(row["weight"], _DIGITS), row["support"])] for row in offered}
    )


def _start(view: Viewpoint) -> dict[str, object]:
    return {"uid": uid("user", view.shop, view.user_id)}


def _interesting(engine: Engine, view: Viewpoint) -> Leads:
    meant = _meant(view)
    if not meant:
        return {}
    if view.hindsight:
        rows = view.hindsight.popular_in(meant)
    else:
        matched = engine.run("popular_matched", _start(view)) if view.matches else []
        rows = engine.run("popular_within", _start(view)) + matched
    leads: Leads = {}
    for row in _offered(rows, view.owned):
        for interest, weight in meant.get(row["interest"], ()):
            path = Path(Via.INTEREST, weight, row["buyers"], interest.interest_id, interest.name)
            leads.setdefault(row["id"], []).append(path)
    return _best_bought({product: _distinct(paths) for product, paths in leads.items()})


def _best_bought(leads: Leads) -> Leads:
    """Order by relevance times buyers; each product's paths by relevance."""
    worth = {product: sum(path.weight * path.support for path in paths) for product, paths in leads.items()}
    order = sorted(leads, key=lambda product: (-round(worth[product], _DIGITS), product))
    return {product: sorted(leads[product], key=_strength) for product in order}


def _distinct(paths: Iterable[Path]) -> list[Path]:
    """Keep the strongest path from each interest: one may be matched to several categories."""
    best: dict[str, Path] = {}
    for path in sorted(paths, key=lambda path: (-path.weight, -path.support)):
        best.setdefault(path.source_id, path)
    return list(best.values())


def _meant(view: Viewpoint) -> dict[str, list[tuple[Interest, float]]]:
    """Return the interests to look into, each with the user's own that it stands for and how relevant that makes it."""
    meant: dict[str, list[tuple[Interest, float]]] = {}
    for interest in [one for one in view.interests if relevance(one) > 0][:_INTERESTS]:
        for id, likeness in ((interest.interest_id, 1.0), *view.matches.get(interest.interest_id, ())):
            meant.setdefault(id, []).append((interest, round(relevance(interest) * likeness, _DIGITS)))
    return meant


def _popular(engine: Engine, view: Viewpoint) -> Leads:
    if view.hindsight:
        rows = view.hindsight.popular()
    elif view.quick:
        rows = view.quick.popular()
    else:
        rows = engine.run("popular_now", {"uid": uid("shop", view.shop, view.shop)})
    return {row["id"]: [Path(Via.POPULAR, float(row["buyers"]), row["buyers"])] for row in _offered(rows, view.owned)}


def _offered(rows: Iterable[Record], owned: Container[str]) -> Iterator[Record]:
    return (row for row in rows if row["id"] not in owned)
