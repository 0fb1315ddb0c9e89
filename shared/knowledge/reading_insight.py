"""Puts an insight together from a handful of bounded statements."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from msgspec import structs

from shared.knowledge.candidates import Viewpoint, candidates
from shared.knowledge.engine import Engine
from shared.knowledge.hindsight import Hindsight
from shared.knowledge.insight import Bought, Fitted, Insight, Interest, Parameters, Reaction
from shared.knowledge.near import Nearness, Quick
from shared.knowledge.reading_facts import (
    FOREVER,
    Horizon,
    Purchase,
    Record,
    bought_of,
    interest_of,
    reaction_of,
    traits,
    with_match,
)
from shared.knowledge.rows import Facts, read_facts, uid

_DAY = 86_400_000.0

Matches = dict[str, list[tuple[str, float]]]  # interest id → matched category id and likeness, the likeliest first


def insight_of(
    engine: Engine,
    shop: str,
    user_id: str,
    at: int | None,
    hindsight: Hindsight | None = None,
    near: Nearness | None = None,
) -> Insight:
    """Return an insight (see the port)."""
    until = FOREVER if at is None else at
    start = {"uid": uid("user", shop, user_id)}
    told = _told(engine, shop, hindsight)
    user = user_of(engine, shop, user_id)
    quick = engine.near(shop, user_id)
    purchases = purchases_of(engine, quick, shop, user_id)
    reacted = engine.run("reactions_of", start) if user and user.reacted else []
    interested, matches = interested_of(engine, shop, user_id, user)
    horizon = Horizon(until, min(until, told.last_at or _latest(interested, reacted)))
    view = _viewpoint(engine, (shop, user_id), (purchases, interested, matches), horizon, told, hindsight, near, quick)
    return Insight(
        shop=shop,
        user_id=user_id,
        at=view.at,
        known=user is not None,
        traits=traits(user.facts) if user else {},
        locale=user.facts.value("locale") if user else None,
        consent=user.facts.value("consent") if user else None,
        bought=tuple(view.bought),
        interests=tuple(view.interests),
        reactions=_reactions(reacted, horizon),
        candidates=candidates(engine, view),
        parameters=told.parameters,
        refreshed_at=told.refreshed_at,
    )


def purchases_of(engine: Engine, quick: Quick | None, shop: str, user_id: str) -> Sequence[Purchase]:
    """Return what a user bought, in any order; at most the 2,000 latest."""
    if quick:
        return quick.bought()
    return list(map(Purchase.of, engine.run("bought_by", {"uid": uid("user", shop, user_id)})))


def _told(engine: Engine, shop: str, hindsight: Hindsight | None) -> Fitted:
    """Return a shop's present and parameters; in hindsight, those of then."""
    told = shop_of(engine, shop) or Fitted(0, 0, Parameters(), {})
    if not hindsight:
        return told
    then = hindsight.derived.at  # the shop's present was its latest purchase by then
    return replace(told, last_at=min(told.last_at, then), refreshed_at=then, parameters=hindsight.parameters)


def _viewpoint(
    engine: Engine,
    whose: tuple[str, str],
    rows: tuple[Sequence[Purchase], Sequence[Record], Matches],
    horizon: Horizon,
    told: Fitted,
    hindsight: Hindsight | None,
    near: Nearness | None,
    quick: Quick | None,
) -> Viewpoint:
    """Return from where a user's paths start: what was bought and what they are interested in, as far as it is seen."""
    shop, user_id = whose
    purchases, interested, matches = rows
    past = horizon.present < told.last_at
    bought = _bought(purchases, horizon.present)
    if hindsight:
        near = hindsight.near
        bought = tuple(structs.replace(one, product=hindsight.seen(one.product)) for one in bought)
    elif near is None and not past:
        near = quick
    return Viewpoint(
        shop=shop,
        user_id=user_id,
        at=horizon.present,
        past=past,
        bought=bought,
        interests=interests_of(engine, shop, interested, matches, horizon),
        matches=matches,
        owned=_owned(purchases, bought),
        fade=told.parameters.source_days * _DAY,
        hindsight=hindsight,
        near=near,
        quick=quick,
    )


def shop_of(engine: Engine, shop: str) -> Fitted | None:
    """Return a shop's present, its last refresh and its parameters, or none for an unknown shop."""
    found = engine.run("the_shop", {"uid": uid("shop", shop, shop)})
    if not found:
        return None
    row = found[0]
    told = json.loads(row["parameters"] or "{}")
    parameters = Parameters(**told.get("parameters", {}))
    return Fitted(row["last_at"] or 0, row["refreshed_at"] or 0, parameters, told.get("fit", {}))


class User(NamedTuple):
    """What a user's node says, and whether they have `REACTED_TO` or are `INTERESTED_IN` anything: many have not."""

    facts: Facts
    reacted: bool
    interested: bool


def user_of(engine: Engine, shop: str, user_id: str) -> User | None:
    """Return what is known of a user, or none if there is no such user."""
    found = engine.run("the_user", {"uid": uid("user", shop, user_id)})
    return User(read_facts(found[0]["facts"]), found[0]["reacted"], found[0]["interested"]) if found else None


def interested_of(engine: Engine, shop: str, user_id: str, user: User | None) -> tuple[Sequence[Record], Matches]:
    """Return what a user is interested in, and which categories their free words were matched to; many say nothing."""
    if not user or not user.interested:
        return [], {}
    return engine.run("interests_of", {"uid": uid("user", shop, user_id)}), _matches_of(engine, shop, user_id)


def _matches_of(engine: Engine, shop: str, user_id: str) -> Matches:
    matches: Matches = defaultdict(list)
    for row in engine.run("matches_of", {"uid": uid("user", shop, user_id)}):
        matches[row["id"]].append((row["category"], row["likeness"]))
    return dict(matches)


def interests_of(
    engine: Engine, shop: str, rows: Iterable[Record], matches: Matches, horizon: Horizon
) -> tuple[Interest, ...]:
    """Return a user's interests as far as they are seen, in the rows' order, with the path each was matched to."""
    interests = [interest for row in rows if (interest := interest_of(row, horizon))]
    likeliest = {one.interest_id: matches[one.interest_id][0][0] for one in interests if one.interest_id in matches}
    paths = _paths(engine, shop, set(likeliest.values()))
    return tuple(with_match(one, paths.get(likeliest.get(one.interest_id, ""), ())) for one in interests)


def _paths(engine: Engine, shop: str, categories: Iterable[str]) -> Mapping[str, Sequence[str]]:
    """Return categories' names from broad to narrow; a category's id holds those of all above it."""
    lines = {category: _line(category) for category in categories}
    above = sorted({id for line in lines.values() for id in line})
    if not above:
        return {}
    ids = {uid("interest", shop, id): id for id in above}
    names = {ids[row["uid"]]: row["name"] for row in engine.run("read_interest", {"uids": list(ids)})}
    return {category: [names[id] for id in line if id in names] for category, line in lines.items()}


def _line(category: str) -> list[str]:
    parts = category.split("/")
    return ["/".join(parts[: depth + 1]) for depth in range(len(parts))]


def _bought(purchases: Iterable[Purchase], until: int) -> tuple[Bought, ...]:
    bought = [one for purchase in purchases if (one := bought_of(purchase, until))]
    return tuple(sorted(bought, key=lambda one: (-one.times[-1], one.product.product_id)))


def _owned(purchases: Iterable[Purchase], bought: Iterable[Bought]) -> frozenset[str]:
    """Return what is not offered as new: what was bought and kept, or given back before its purchase was known."""
    returned = (one.product.product_id for one in purchases if not one.times)
    return frozenset(one.product.product_id for one in bought if one.kept > 0).union(returned)


def _reactions(rows: Iterable[Record], horizon: Horizon) -> tuple[Reaction, ...]:
    return tuple(reaction for row in rows if (reaction := reaction_of(row, horizon)))


def _latest(interested: Sequence[Record], reacted: Sequence[Record]) -> int:
    """Return the latest of a user's own moments: the present of a shop that has sold nothing yet."""
    moments: list[Any] = [row["at"] for row in interested]
    for row in reacted:
        moments += [row["viewed_at"], row["wished_at"], row["dismissed_at"]]
    return max(moments, default=0)
