"""The embedded history: ledger, analytics and documents in one SQLite file."""

from __future__ import annotations

from pathlib import Path

from shared.clock import Clock
from shared.history import analytics_sqlite, documents_sqlite, ledger_sqlite, sheets_sqlite
from shared.history.analytics_sqlite import SqliteAnalytics
from shared.history.documents_sqlite import SqliteDocuments
from shared.history.ledger_sqlite import SqliteLedger
from shared.history.store import Store

_SCHEMA = (ledger_sqlite.SCHEMA, analytics_sqlite.SCHEMA, sheets_sqlite.SCHEMA, documents_sqlite.SCHEMA)
_UPGRADES = {1: sheets_sqlite.UPGRADE}


class SqliteHistory(SqliteLedger, SqliteAnalytics, SqliteDocuments):
    """Implements `shared.history.port.History`. Thread-safe; what a method wrote survives `kill -9` and power cuts.

    Raises:
        UnavailableError: the file is damaged, of a newer format, or cannot be written.
    """

    def __init__(self, path: Path, clock: Clock | None = None) -> None:
        store = Store(path, _SCHEMA, _UPGRADES)
        SqliteLedger.__init__(self, store, clock)
        SqliteAnalytics.__init__(self, store, clock)
        SqliteDocuments.__init__(self, store, clock)

    def close(self) -> None:
        """Let go of the file. Harmless twice."""
        self._store.close()
