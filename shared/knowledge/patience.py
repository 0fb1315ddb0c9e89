"""Asks a graph engine for as long as an answer may take; what is cut off leaves the answer partial, and says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any, TypeVar

from shared.knowledge.engine import Around, CutShortError, Engine

T = TypeVar("T")
_SHARE, _TOGETHER = 1 / 2, 1 / 4  # of what time is left: for a statement, for many that may be asked apart after all

SECONDS = 1.5  # with what an engine needs to notice, an answer is there within two


class Patience:
    """One question's time. A statement gets half of what is left, many together a quarter: a hard one leaves some."""

    def __init__(self, engine: Engine, seconds: float, now: Callable[[], float] = monotonic) -> None:
        self._engine, self._now, self._until = engine, now, now() + seconds
        self._least = seconds / 100
        self.partial = False

    def ask(self, name: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return a statement's rows; none, and `partial`, if there was no time for it.

        Raises:
            UnavailableError: the engine does not answer.
        """
        return self._within(lambda seconds: self._engine.run(name, parameters, within=seconds)) or []

    def around(self, names: Sequence[str], uids: Sequence[str], limit: int) -> Around:
        """Return the edges around nodes of one kind: all together or, if that took too long, one by one.

        What there was no time for is missing then, and the answer `partial`.

        Raises:
            UnavailableError: the engine does not answer.
        """
        if not names or not uids:
            return {}
        before, alone = self.partial, len(names) == len(uids) == 1
        share = _SHARE if alone else _TOGETHER
        found = self._within(lambda seconds: self._engine.around(names, uids, limit, seconds), share)
        if found is not None or alone:
            return found or {}
        self.partial = before  # what takes too long together may well be had alone
        apart = [self.around([name], [uid], limit) for name in names for uid in uids]
        return {key: rows for some in apart for key, rows in some.items()}

    def _within(self, act: Callable[[float], T], share: float = _SHARE) -> T | None:
        left = self._until - self._now()
        if left < self._least:
            self.partial = True
            return None
        try:
            return act(left * share)
        except CutShortError:
            self.partial = True
            return None
