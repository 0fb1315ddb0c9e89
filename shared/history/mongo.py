"""The distributed history: ledger, analytics and documents in one MongoDB database."""

from __future__ import annotations

from shared.clock import Clock
from shared.history.analytics_mongo import MongoAnalytics
from shared.history.documents_mongo import MongoDocuments
from shared.history.ledger_mongo import MongoLedger
from shared.history.store_mongo import MongoStore


class MongoHistory(MongoLedger, MongoAnalytics, MongoDocuments):
    """Implements `shared.history.port.History`. Thread-safe; connects at the first call, so opening it never fails."""

    def __init__(self, url: str, clock: Clock | None = None) -> None:
        store = MongoStore(url)
        MongoLedger.__init__(self, store, clock)
        MongoAnalytics.__init__(self, store)
        MongoDocuments.__init__(self, store, clock)

    def close(self) -> None:
        """Let go of the connections. Harmless twice."""
        self._store.close()
