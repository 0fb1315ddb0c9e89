"""Canonical rows: whatever a graph may say, the bytes are those of the standard library's JSON."""

from __future__ import annotations

import json

import pytest

from shared.knowledge.rows import Facts, Interested, Link, Named, Present, Purchased, Reacted, canonical


class OfADriver(int):
    """A number as a database driver may bring it."""


@pytest.mark.parametrize(
    "row",
    [
        Purchased((1_700_000_000_000, 2), 3000, 1999, 0, 0, "EUR"),
        Purchased((OfADriver(5),), OfADriver(7)),
        Facts(
            {"z": ("1|x", None), "name": ("0|\u2028\x00", "Käse \x7f \U0001f600 \ufb33"), "tags": ("s", ["a", True])}
        ),
        Facts({"trait:half": ("s", "\ud800"), "\U0001f600": ("s", "after \ufb33")}),
        Facts({"trait:huge": ("s", 10**30), "trait:low": ("s", -(2**63)), "trait:high": ("s", 2**64 - 1)}),
        Interested(500, "1|x", 3, 4),
        Reacted(1, 2, 3, 4, "s", 5),
        Named("tag", 'say "hi" \\ /'),
        Present(5),
        Link(),
    ],
)
def test_a_row_has_one_form_however_it_is_written(row):
    key = ("kind", "shop", "ü\x07", "id")
    plain = json.dumps([key, row], ensure_ascii=False, separators=(",", ":"), sort_keys=True)

    assert canonical(key, row) == plain.encode("utf-8", "surrogatepass")
