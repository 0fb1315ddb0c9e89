"""Walks the graph along the path that a reason names, edge by edge."""

from __future__ import annotations

from shared.knowledge.insight import Path, Via
from shared.knowledge.rows import uid


def leads_to(knowledge, user: str, path: Path) -> set[str]:
    """Return where a path's edges lead from a user of shop `s`."""
    run = knowledge.engine.run
    steps = {"limit": 1_000, "uid": uid("user", "s", user)}
    match path.via:
        case Via.BOUGHT_WITH:
            bought = {row["id"] for row in run("from_user_purchased", steps)}
            sources = {path.source_id} & bought if path.source_id else bought
            starts = [uid("product", "s", source) for source in sources]
            rows = [row for start in starts for row in run("from_product_bought_with", steps | {"uid": start})]
        case Via.SIMILAR_USER:
            people = [uid("user", "s", row["id"]) for row in run("from_user_similar_to", steps)]
            rows = [row for one in people for row in run("from_user_purchased", steps | {"uid": one})]
        case Via.INTEREST:
            own = {row["id"]: uid("interest", "s", row["id"]) for row in run("from_user_interested_in", steps)}
            meant = [uid("interest", "s", row["category"]) for row in run("matches_of", steps)]
            starts = [own[path.source_id], *meant]
            rows = [row for start in starts for row in run("from_interest_popular_in", steps | {"uid": start})]
        case _:
            rows = run("popular_now", {"uid": uid("shop", "s", "s")})
    return {row["id"] for row in rows}
