"""Which users a segment is made of: a filter over what the graph knows, asked of a bounded number at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.knowledge.engine import Engine
from shared.knowledge.projection import brand_id, category_id, tag_id
from shared.knowledge.rows import uid

MOST = 1_000
_KINDS = ("category:", "brand:", "tag:")


@dataclass(frozen=True, slots=True)
class Filter:
    """What users have in common; all that is given must hold.

    `category` (from broad to narrow) and `product_id` are what they bought and kept; the moments (ms) are about these
    purchases, or about any where neither is given: the last one at `bought_since` or after, or before `lapsed_since`.
    `interest` is a tag's or a brand's name, or an interest's id.
    """

    interest: str | None = None
    category: tuple[str, ...] = ()
    product_id: str | None = None
    bought_since: int | None = None
    lapsed_since: int | None = None


def among(engine: Engine, shop: str, users: Sequence[str], wanted: Filter) -> list[str]:
    """Return which of these users there are and match, in the order given (see the port)."""
    asked = {"uids": [uid("user", shop, user) for user in users]}
    if not users:
        return []
    if not _buys(wanted) and wanted.interest is None:
        found = _ids(engine.run("present", asked))
        return [user for user in users if user in found]
    matching = set(users)
    if _buys(wanted):
        matching &= _buyers(_last_bought(engine, shop, asked, wanted), wanted)
    if wanted.interest is not None:
        interests = [uid("interest", shop, id) for id in _meant(wanted.interest)]
        matching &= _ids(engine.run("interested_among", asked | {"interests": interests}))
    return [user for user in users if user in matching]


def _buys(wanted: Filter) -> bool:
    return bool(wanted.category or wanted.product_id) or (wanted.bought_since, wanted.lapsed_since) != (None, None)


def _last_bought(engine: Engine, shop: str, asked: Mapping[str, object], wanted: Filter) -> dict[str, int]:
    """Return when users last bought what is asked about; of a category and a product both, those who bought both."""
    if not wanted.category and wanted.product_id is None:
        return _moments(engine.run("last_bought", asked))
    found: list[dict[str, int]] = []
    if wanted.category:
        category = uid("interest", shop, category_id(wanted.category))
        found.append(_moments(engine.run("last_bought_of", {**asked, "category": category})))
    if wanted.product_id is not None:
        product = uid("product", shop, wanted.product_id)
        found.append(_moments(engine.run("last_bought_one", {**asked, "product": product})))
    both = set(found[0]).intersection(*found[1:])
    return {user: max(one[user] for one in found) for user in both}


def _buyers(last: Mapping[str, int], wanted: Filter) -> set[str]:
    since = wanted.bought_since if wanted.bought_since is not None else 0
    return {
        user for user, at in last.items() if at >= since and (wanted.lapsed_since is None or at < wanted.lapsed_since)
    }


def _meant(interest: str) -> tuple[str, ...]:
    return (interest,) if interest.startswith(_KINDS) else (tag_id(interest), brand_id(interest))


def _ids(rows: Iterable[Mapping[str, str]]) -> set[str]:
    return {row["id"] for row in rows}


def _moments(rows: Iterable[Mapping[str, object]]) -> dict[str, int]:
    return {str(row["id"]): int(str(row["at"])) for row in rows}
