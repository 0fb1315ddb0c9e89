"""Going through millions of rows: without the search for reference cycles, and giving the memory back afterwards."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

from shared.knowledge.memory import give_back


@contextlib.contextmanager
def in_bulk() -> Iterator[None]:
    """Switch the search for reference cycles off: rows hold none, and going through millions of them takes long."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
        give_back()
