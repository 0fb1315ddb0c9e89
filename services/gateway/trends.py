"""Trends a page at a time, the latest first, and how each row compares with the period before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from shared.clock import to_ms
from shared.exporting.rows import FIGURES
from shared.history.port import Analytics, Period, TrendQuery, TrendRow

MOST = 10_000  # rows that can be paged through: beyond, ask for less at a time
_NOTHING = (0, Decimal(0), Decimal(0), 0)


def paged(history: Analytics, query: TrendQuery, place: int) -> tuple[list[TrendRow], int | None]:
    """Return a page of rows, oldest period first, and where the page before it in time begins (none: that was all).

    Pages go back in time: the first holds the latest `query.limit` rows.
    """
    end = min(place + query.limit, MOST)
    found = history.trends(replace(query, limit=min(end + 1, MOST)))
    latest_first = sorted(found, key=lambda row: row.start, reverse=True)
    page = sorted(latest_first[place:end], key=lambda row: row.start)
    return page, end if len(found) > end else None


def compared(history: Analytics, query: TrendQuery, rows: Sequence[TrendRow]) -> list[dict[str, Any]]:
    """Return rows as JSON, each with what the period before it had and the change since; none where that is not known.

    The period before counts whole, whatever `query.since` cuts off.
    """
    if not rows:
        return []
    since = _moment(_before(min(row.start for row in rows), query.period))
    until = _moment(max(row.start for row in rows))
    found = history.trends(replace(query, since=since, until=until, limit=MOST))
    figures = {(row.start, row.key, row.currency): _figures(row) for row in found}
    cut = min((row.start for row in found), default="") if len(found) >= MOST else ""
    return [_against(row, _before(row.start, query.period), figures, cut) for row in rows]


def _against(
    row: TrendRow, before: str, figures: dict[tuple[str, str, str], tuple[Any, ...]], cut: str
) -> dict[str, Any]:
    known = figures.get((before, row.key, row.currency), None if before <= cut else _NOTHING)
    if known is None:
        return {**asdict(row), "previous": None, "change": None}
    change = [now - then for now, then in zip(_figures(row), known, strict=True)]
    told = (dict(zip(FIGURES, each, strict=True)) for each in (known, change))
    return {**asdict(row), **dict(zip(("previous", "change"), told, strict=True))}


def _figures(row: TrendRow) -> tuple[int, Decimal, Decimal, int]:
    return row.count, row.quantity, row.revenue, row.buyers


def _before(start: str, period: Period) -> str:
    """Return the first day of the period before the one that begins on a day."""
    day = date.fromisoformat(start)
    if period == "month":
        return (day - timedelta(days=1)).replace(day=1).isoformat()
    return (day - timedelta(days=7 if period == "week" else 1)).isoformat()


def _moment(day: str) -> int:
    return to_ms(datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC))
