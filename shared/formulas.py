"""Texts that a spreadsheet would run as a formula, made harmless: what every CSV file of ours goes through."""

from __future__ import annotations

from typing import Any

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # SECURITY 35


def harmless(value: Any) -> Any:
    """Return a cell's value; a text that a spreadsheet would run gets an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
