"""Long lists of ids, read a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator


def pages(ask: Callable[..., list[str]], size: int, after: str = "") -> Iterator[list[str]]:
    """Yield a list's pages from behind an id on; `ask(after=…, limit=…)` gives the next ids in order."""
    while page := ask(after=after, limit=size):
        yield page
        if len(page) < size:
            return
        after = page[-1]
