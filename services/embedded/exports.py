"""What the command line takes out as tables: the graph, trends, recommendations, communities; row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from services.embedded.arguments import known_shop, moment_of
from services.embedded.runtime import Runtime
from services.embedded.steering import read
from services.gateway.exporter import trends_of
from services.gateway.segments import Segment, members
from shared.clock import to_ms
from shared.errors import UsageError
from shared.exporting import rows
from shared.history.port import TrendQuery

Arguments = Mapping[str, Any]
Lines = Iterator[dict[str, Any]]

_PERIODS = ("day", "week", "month")
_DIMENSIONS = ("total", "product", "category", "interest")


def export_graph(runtime: Runtime, arguments: Arguments) -> Lines:
    """Yield a shop's nodes, then its edges: what happened, without what is derived from it."""
    yield from _told(rows.graph(runtime.engines.knowledge, _settled(runtime, arguments)))


def export_trends(runtime: Runtime, arguments: Arguments) -> Lines:
    """Yield a shop's trends, oldest period first; the latest 10,000 rows at most."""
    by, period = arguments.get("by", "total"), arguments.get("period", "month")
    if by not in _DIMENSIONS or period not in _PERIODS:
        raise UsageError(f"--by takes {', '.join(_DIMENSIONS)}; --period takes {', '.join(_PERIODS)}")
    since, until = (moment_of(arguments.get(name)) for name in ("since", "until"))
    query = TrendQuery(
        _settled(runtime, arguments),
        by,
        period,
        user_id=arguments.get("user"),
        since=to_ms(since) if since else None,
        until=to_ms(until) if until else None,
        limit=rows.MOST_TRENDS,
    )
    yield from _told(trends_of(runtime.engines.history, query, compare=bool(arguments.get("compare"))))


def export_recommendations(runtime: Runtime, arguments: Arguments) -> Lines:
    """Yield what to offer users of a shop, everyone or a segment: a row for each item of both slates."""
    shop, engines = _settled(runtime, arguments), runtime.engines
    segment, limit = read(Segment, arguments.get("segment") or {"everyone": True}), arguments.get("limit", 10)
    users = members(engines.knowledge, shop, segment)
    yield from _told(rows.recommendations(engines.knowledge, engines.history, engines.clock, shop, users, limit))


def export_communities(runtime: Runtime, arguments: Arguments) -> Lines:
    """Yield who is in which community of interest: a row for each member, the largest community first."""
    shop = _settled(runtime, arguments)
    runtime.graph.refresher.freshen(shop)
    yield from _told(rows.communities(runtime.engines.knowledge, shop))


def _settled(runtime: Runtime, arguments: Arguments) -> str:
    """Return the shop that is asked about, once the graph holds what the log holds."""
    shop = known_shop(runtime, arguments["shop"])
    runtime.settle()
    return shop


def _told(found: rows.Rows) -> Lines:
    return ({"result": row} for row in found)


EXPORTS: dict[str, Callable[[Runtime, Arguments], Lines]] = {
    "export.graph": export_graph,
    "export.trends": export_trends,
    "export.communities": export_communities,
    "export.recommendations": export_recommendations,
}
