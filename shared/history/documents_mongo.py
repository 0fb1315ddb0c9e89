"""The services' documents in MongoDB: each write a new version, its body as JSON text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Any

from pymongo import DESCENDING
from pymongo.errors import DuplicateKeyError

from shared.clock import Clock, SystemClock, to_ms
from shared.errors import ConflictError, UnavailableError
from shared.history.bodies import text_of, wanted
from shared.history.port import Document, Page
from shared.history.store_mongo import Fields, MongoStore, answering, name_of
from shared.history.tokens import page_bound, place_in, token_for

_ATTEMPTS = 5


class MongoDocuments:
    """Implements `shared.history.port.Documents`. What `put` returned, the majority of the servers hold."""

    def __init__(self, store: MongoStore, clock: Clock | None = None) -> None:
        self._store = store
        self._clock = clock or SystemClock()

    def put(
        self, collection: str, shop: str, id: str, body: Mapping[str, Any], *, expect: int | None = None
    ) -> Document:
        """Write a document; with `expect`, only over that version (0: only if it is not there).

        Raises:
            InvalidInputError: the body is not JSON, or a field's name holds `$` or `.`.
            ConflictError: another version stands.
            UnavailableError: the server does not answer; whether it was written is not known.
        """
        text = text_of(body)
        name = name_of(collection, shop, id)
        with answering("writing a document"):
            fields = {
                "collection": collection,
                "shop": shop,
                "id": id,
                "body": text,
                "texts": _texts(body),
                "updated_at": to_ms(self._clock.now()),
                "seq": self._store.numbers("documents", 1),
            }
            written = self._created(name, fields) if expect == 0 else self._replaced(name, fields, expect)
            if written is None:
                stands = self._store["documents"].find_one({"_id": name}, {"version": 1})
                raise ConflictError(f"version {stands['version'] if stands else 0} stands, not {expect}")
        return _document(written)

    def get(self, collection: str, shop: str, id: str) -> Document | None:
        """Return a document, or none."""
        with answering("reading a document"):
            found = self._store["documents"].find_one({"_id": name_of(collection, shop, id)})
        return None if found is None else _document(found)

    def get_all(self, collection: str, shop: str, ids: Collection[str]) -> dict[str, Document]:
        """Return those of a shop's documents that are there, by id."""
        names = [name_of(collection, shop, id) for id in ids]
        with answering("reading documents"):
            found = list(self._store["documents"].find({"_id": {"$in": names}})) if names else []
        return {document.id: document for document in map(_document, found)}

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
        size = page_bound(page_size)
        asked: Fields = {"collection": collection}
        if shop is not None:
            asked["shop"] = shop
        if fields:
            asked["texts"] = {"$all": [_mark(*field) for field in fields]}
        if page_token:
            asked["seq"] = {"$lt": place_in(question, page_token, 1)[0]}
        with answering("finding documents"):
            rows = list(self._store["documents"].find(asked).sort("seq", DESCENDING).limit(size + 1))
        more = token_for(question, [rows[size - 1]["seq"]]) if len(rows) > size else ""
        return Page(tuple(map(_document, rows[:size])), more)

    def delete(self, collection: str, shop: str, id: str) -> bool:
        """Remove a document; say whether it was there."""
        with answering("deleting a document"):
            return self._store["documents"].delete_one({"_id": name_of(collection, shop, id)}).deleted_count > 0

    def _created(self, name: str, fields: Fields) -> Fields | None:
        document = {"_id": name, "version": 1, **fields}
        try:
            self._store["documents"].insert_one(document)
        except DuplicateKeyError:
            return None
        return document

    def _replaced(self, name: str, fields: Fields, expect: int | None) -> Fields | None:
        asked = {"_id": name} if expect is None else {"_id": name, "version": expect}
        for _ in range(_ATTEMPTS):
            try:
                found: Fields | None = self._store["documents"].find_one_and_update(
                    asked, {"$set": fields, "$inc": {"version": 1}}, upsert=expect is None, return_document=True
                )
            except DuplicateKeyError:  # another created it at the same moment: now it is there to be replaced
                continue
            return found
        raise UnavailableError("the document is written by too many at once")


def _texts(body: Mapping[str, Any]) -> list[str]:
    return [_mark(name, value) for name, value in body.items() if isinstance(value, str)]


def _mark(name: str, value: str) -> str:
    """Return a short text for a field and its text, however long or odd: what documents are found by."""
    return hashlib.blake2b(json.dumps([name, value]).encode(), digest_size=16).hexdigest()


def _document(found: Fields) -> Document:
    body = json.loads(found["body"])
    return Document(found["collection"], found["shop"], found["id"], body, found["version"], found["updated_at"])
