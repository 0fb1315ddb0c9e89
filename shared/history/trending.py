"""The rows that answer how things went, from an engine's sums in integers."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from shared.contracts.values import from_minor_units
from shared.history.derive import plain
from shared.history.port import TrendQuery, TrendRow

_MOST_ROWS = 10_000


def key_of(query: TrendQuery) -> str | None:
    """Return the key to keep, as engines hold it."""
    return plain(query.key) if query.key is not None and query.by == "interest" else query.key


def trend_row(sums: Sequence[Any]) -> TrendRow:
    """Return a row for (start, key, count, thousandths, minor units, currency, buyers, mean thousandths or none)."""
    start, key, count, quantity, revenue, currency, buyers, score = sums
    return TrendRow(
        start,
        key,
        count,
        Decimal(quantity).scaleb(-3),
        from_minor_units(revenue, currency) if currency else Decimal(0),
        currency,
        buyers,
        None if score is None else Decimal(round(score)).scaleb(-3),
    )


def by_period(rows: Sequence[TrendRow]) -> list[TrendRow]:
    """Turn the latest periods first into the oldest first; the order within a period stays."""
    return sorted(rows, key=lambda row: row.start)


def bounded(limit: int) -> int:
    """Return how many rows are told: what was asked for, within 1 to 10 000."""
    return min(max(limit, 1), _MOST_ROWS)
