"""Asks a graph engine for as long as an answer may take; what is cut off leaves the answer partial, and says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from shared.knowledge.engine import CutShortError, Engine

SECONDS = 1.5  # with what an engine needs to notice, an answer is there within two


class Patience:
    """One question's time. A statement gets half of what is left, so that a hard one leaves some to the others."""

    def __init__(self, engine: Engine, seconds: float, now: Callable[[], float] = monotonic) -> None:
        self._engine, self._now, self._until = engine, now, now() + seconds
        self._least = seconds / 100
        self.partial = False

    def ask(self, name: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return a statement's rows; none, and `partial`, if there was no time for it.

        Raises:
            UnavailableError: the engine does not answer.
        """
        left = self._until - self._now()
        if left < self._least:
            self.partial = True
            return []
        try:
            return self._engine.run(name, parameters, within=left / 2)
        except CutShortError:
            self.partial = True
            return []
