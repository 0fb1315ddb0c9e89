"""What a graph engine must offer so that reading and writing are written once: statements, transactions, bulk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from shared.errors import UnavailableError
from shared.knowledge.near import Quick

Around = dict[tuple[str, str], list[dict[str, Any]]]  # a statement and the uid it began at → its rows


class CutShortError(UnavailableError):
    """A statement took longer than it may."""


class Engine(Protocol):
    """Runs named statements (see `statements`). Thread-safe; one write transaction at a time."""

    replaces_edges: bool  # whether an edge that says something else now is made anew, or set where it stands

    def run(
        self, name: str, parameters: Mapping[str, Any] | None = None, *, within: float | None = None
    ) -> list[dict[str, Any]]:
        """Run a statement and return its rows: in this thread's transaction if there is one, else on its own.

        Raises:
            CutShortError: it took longer than `within` seconds (only outside of transactions).
            UnavailableError: the engine does not answer.
        """

    def stream(self, name: str, parameters: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """Like `run`, a row at a time, for answers too large to hold."""

    def check_filled(self) -> None:
        """Do nothing, if the graph that counts was ever filled from the ledger.

        Raises:
            UnavailableError: it was not, or was wiped since; what it says is not what the ledger tells.
        """

    def around(self, names: Sequence[str], uids: Sequence[str], limit: int, within: float) -> Around:
        """Run each of these statements (`from_*`, all from one kind of node) from each of these nodes, all together.

        Raises:
            CutShortError: they took longer than `within` seconds, or one of them did.
            UnavailableError: the engine does not answer.
        """

    def near(self, shop: str, user_id: str) -> Quick | None:
        """Return a way to what is around a user that is quicker than the statements, if the engine has one."""

    def transaction(self) -> AbstractContextManager[None]:
        """Open the write transaction, after whoever holds it; an error inside undoes all of it."""

    def bulk(self, label: str, columns: Mapping[str, Sequence[Any]], types: Sequence[str]) -> None:
        """Create many edges of a kind at once (`source` and `target` uids first), in this thread's transaction."""

    def hold(self, kind: str, rows: Sequence[Mapping[str, Any]]) -> bool:
        """Let nobody else write these nodes, or edges, (each with its `uid`) until the transaction ends.

        Says whether others may have written them until now, so that they must be read again.
        """
