"""How much memory a bulk copy into the embedded graph is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.knowledge.bulk import fill, gathered, pool_mb
from shared.knowledge.execution import execute
from shared.knowledge.generation import Generation
from shared.knowledge.rows import Facts, Purchased, Row, RowKey

USERS, PRODUCTS = range(200), range(400)


def rows(times: int) -> list[tuple[RowKey, Row]]:
    """A shop where everybody bought everything, so many times each."""
    bought = Purchased(tuple(range(times)), times, times, 0, 0, "EUR")
    edges: list[tuple[RowKey, Row]] = [
        (("purchased", "s", f"u{user}", f"p{product}"), bought) for user in USERS for product in PRODUCTS
    ]
    users: list[tuple[RowKey, Row]] = [(("user", "s", f"u{user}"), Facts({})) for user in USERS]
    products: list[tuple[RowKey, Row]] = [(("product", "s", f"p{product}"), Facts({})) for product in PRODUCTS]
    return [*edges, *users, *products]


@pytest.mark.parametrize("times", [1, 20])
def test_a_copy_fits_in_the_memory_that_it_is_given(times: int, tmp_path: Path) -> None:
    tables = gathered(rows(times))
    assert pool_mb(tables) < 200
    generation = Generation.create(tmp_path / "gen-1", pool_mb(tables))
    fill(generation, tables)
    [told] = execute(generation.writer, "MATCH ()-[e:PURCHASED]->() RETURN count(e) AS edges")
    generation.retire()
    assert len(USERS) * len(PRODUCTS) == told["edges"]


def test_a_copy_of_more_is_given_more() -> None:
    assert 0 == pool_mb(gathered([]))
    assert pool_mb(gathered(rows(1))) < pool_mb(gathered(rows(20)))
