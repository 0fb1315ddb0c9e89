"""The services' documents in SQLite: JSON bodies, each write a new version."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping
from typing import Any

from shared.clock import Clock, SystemClock, to_ms
from shared.errors import ConflictError
from shared.history.bodies import text_of, wanted
from shared.history.port import Document, Page
from shared.history.store import Store
from shared.history.tokens import page_bound, place_in, token_for

# `seq` is made anew by every write, so that it tells the newest first whatever the clock does; as the rowid it ends
# every index.
SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    collection TEXT NOT NULL,
    shop TEXT NOT NULL,
    id TEXT NOT NULL,
    body TEXT NOT NULL,
    version INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (collection, shop, id)
);
CREATE INDEX IF NOT EXISTS documents_by_shop ON documents (collection, shop, seq);
CREATE INDEX IF NOT EXISTS documents_by_collection ON documents (collection, seq);
CREATE INDEX IF NOT EXISTS documents_by_user ON documents (json_extract(body, '$.user_id'), collection, shop)
    WHERE json_extract(body, '$.user_id') IS NOT NULL;
CREATE INDEX IF NOT EXISTS documents_by_decision ON documents (json_extract(body, '$.decision_id'), collection, shop)
    WHERE json_extract(body, '$.decision_id') IS NOT NULL;
"""

_GET = """
SELECT collection, shop, id, body, version, updated_at FROM documents WHERE collection = ? AND shop = ? AND id = ?
"""
_GET_ALL = """
SELECT collection, shop, id, body, version, updated_at FROM documents
WHERE collection = ? AND shop = ? AND id IN (SELECT value FROM json_each(?))
"""
_PUT = """
INSERT OR REPLACE INTO documents (collection, shop, id, body, version, updated_at) VALUES (?, ?, ?, ?, ?, ?)
"""
_FIND = """
SELECT collection, shop, id, body, version, updated_at, seq FROM documents
WHERE {conditions} AND seq < ? ORDER BY seq DESC LIMIT ?
"""
_HAS = "EXISTS (SELECT 1 FROM json_each(body) AS field WHERE field.key = ? AND field.type = 'text' AND field.value = ?)"

# Said as the indexes say it; what is no text at the top may equal it too, so `_HAS` has the last word.
_INDEXED = {name: f"json_extract(body, '$.{name}') = ?" for name in ("user_id", "decision_id")}


class SqliteDocuments:
    """Implements `shared.history.port.Documents`. Thread-safe; what `put` returned is on the disk."""

    def __init__(self, store: Store, clock: Clock | None = None) -> None:
        self._store = store
        self._clock = clock or SystemClock()

    def put(
        self,
        collection: str,
        shop: str,
        id: str,
        body: Mapping[str, Any],
        *,
        expect: int | None = None,
    ) -> Document:
        """Write a document; with `expect`, only over that version (0: only if it is not there).

        Raises:
            InvalidInputError: the body is not JSON, or a field's name holds `$` or `.`.
            ConflictError: another version stands.
        """
        text = text_of(body)
        now = to_ms(self._clock.now())
        with self._store.write() as connection:
            stands = _version(connection, collection, shop, id)
            if expect is not None and expect != stands:
                raise ConflictError(f"version {stands} stands, not {expect}")
            row = (collection, shop, id, text, stands + 1, now)
            connection.execute(_PUT, row)
        return _document(row)

    def get(self, collection: str, shop: str, id: str) -> Document | None:
        """Return a document, or none."""
        rows = self._store.rows(_GET, (collection, shop, id))
        return _document(rows[0]) if rows else None

    def get_all(self, collection: str, shop: str, ids: Collection[str]) -> dict[str, Document]:
        """Return those of a shop's documents that are there, by id."""
        found = map(_document, self._store.rows(_GET_ALL, (collection, shop, json.dumps(list(ids)))))
        return {document.id: document for document in found}

    def find(
        self,
        collection: str,
        shop: str | None,
        where: Mapping[str, str] | None = None,
        *,
        page_token: str = "",
        page_size: int = 100,
    ) -> Page[Document]:
        """Return documents whose top-level text fields equal `where`, newest first; no shop means all.

        Raises:
            InvalidInputError: `where` holds more than plain names and texts, or the token belongs to another question.
        """
        fields = wanted(where or {})
        question = ("documents", collection, shop, fields)
        conditions, values = _conditions(collection, shop, fields)
        before = place_in(question, page_token, 1)[0] if page_token else (1 << 63) - 1
        size = page_bound(page_size)
        rows = self._store.rows(_FIND.format(conditions=" AND ".join(conditions)), (*values, before, size + 1))
        more = token_for(question, [rows[size - 1][-1]]) if len(rows) > size else ""
        return Page(tuple(_document(row[:-1]) for row in rows[:size]), more)

    def delete(self, collection: str, shop: str, id: str) -> bool:
        """Remove a document; say whether it was there."""
        with self._store.write() as connection:
            gone = connection.execute(
                "DELETE FROM documents WHERE collection = ? AND shop = ? AND id = ?", (collection, shop, id)
            )
            return gone.rowcount > 0


def _conditions(collection: str, shop: str | None, fields: list[tuple[str, str]]) -> tuple[list[str], list[str]]:
    conditions, values = ["collection = ?"], [collection]
    if shop is not None:
        conditions.append("shop = ?")
        values.append(shop)
    for field in fields:
        if field[0] in _INDEXED:
            conditions.append(_INDEXED[field[0]])
            values.append(field[1])
        conditions.append(_HAS)
        values.extend(field)
    return conditions, values


def _version(connection: sqlite3.Connection, collection: str, shop: str, id: str) -> int:
    row = connection.execute(
        "SELECT version FROM documents WHERE collection = ? AND shop = ? AND id = ?", (collection, shop, id)
    ).fetchone()
    return 0 if row is None else int(row[0])


def _document(row: tuple[Any, ...]) -> Document:
    collection, shop, id_, body, version, updated_at = row
    return Document(collection, shop, id_, json.loads(body), version, updated_at)
