"""What the embedded graph engine keeps in memory is never older than what a read would find."""

from __future__ import annotations

import re

from shared.knowledge.ladybug_kept import MAKE_STALE, Memory
from shared.knowledge.statements import statements


def test_only_what_is_not_kept_is_read() -> None:
    memory, asked = Memory[str, int](10), list[list[str]]()

    def read(keys: list[str]) -> dict[str, int]:
        asked.append(keys)
        return {key: len(key) for key in keys if key != "none"}

    assert memory.of(["a", "bb"], read) == {"a": 1, "bb": 2}
    assert memory.of(["bb", "ccc", "none"], read) == {"bb": 2, "ccc": 3}
    assert memory.of(["bb", "ccc", "none"], read) == {"bb": 2, "ccc": 3}
    assert asked == [["a", "bb"], ["ccc", "none"], ["none"]]


def test_what_was_forgotten_is_read_anew() -> None:
    memory = Memory[str, int](10)
    memory.of(["a", "b"], lambda keys: dict.fromkeys(keys, 1))
    memory.forget(["a", "unknown"])
    assert memory.of(["a", "b"], lambda keys: dict.fromkeys(keys, 2)) == {"a": 2, "b": 1}
    memory.forget()
    assert memory.of(["a", "b"], lambda keys: dict.fromkeys(keys, 3)) == {"a": 3, "b": 3}


def test_what_was_read_while_a_transaction_ended_that_wrote_is_not_kept() -> None:
    memory = Memory[str, int](10)

    def old(keys: list[str]) -> dict[str, int]:
        memory.forget(["b"])  # a transaction ends, and this has read what stood before it
        return dict.fromkeys(keys, 1)

    assert memory.of(["a", "b"], old) == {"a": 1, "b": 1}
    assert memory.of(["a", "b"], lambda keys: dict.fromkeys(keys, 2)) == {"a": 2, "b": 2}


def test_no_more_is_kept_than_there_is_room_for() -> None:
    memory = Memory[int, int](3)
    for key in range(10):
        assert memory.of([key], lambda keys: {key: key for key in keys}) == {key: key}
        assert len(memory._kept) <= 3


def test_every_statement_that_changes_what_is_kept_makes_it_stale() -> None:
    """A product's removal is left out, for it is one of `mend`, after which nothing is kept; so is one that begins."""
    writes = re.compile(r"\((\w+):Product\b.*\bSET \1\.|:POPULAR\b.*\b(DELETE|CREATE)\b", re.DOTALL)
    writing = {name for name, text in statements().items() if writes.search(text)}
    assert writing == MAKE_STALE | {"hold_product"}  # of Neo4j
