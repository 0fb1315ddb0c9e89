"""The database of the distributed history: its collections and indexes, numbers, and errors in our words."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import bson.errors
import pymongo.errors
from bson.codec_options import CodecOptions, TypeDecoder, TypeRegistry
from bson.int64 import Int64
from pymongo import ASCENDING, DESCENDING, IndexModel, MongoClient
from pymongo.collection import Collection
from pymongo.database import Database

from shared.errors import InvalidInputError, UnavailableError

DUPLICATE_KEY = 11000
_OPTIONS: dict[str, Any] = {
    "appname": "tastegraph",
    "connectTimeoutMS": 2_000,
    "serverSelectionTimeoutMS": 3_000,
    "socketTimeoutMS": 15_000,
    "wTimeoutMS": 10_000,
    "w": "majority",
    "readConcernLevel": "majority",
}
_DATABASE = "tastegraph"
Fields = dict[str, Any]


class _PlainNumbers(TypeDecoder):
    """Reads long numbers as `int`: the driver's own kind is one that strict writers of JSON refuse."""

    bson_type = Int64

    def transform_bson(self, value: Int64) -> int:
        return int(value)


_PLAIN: CodecOptions[Fields] = CodecOptions(type_registry=TypeRegistry([_PlainNumbers()]))


def _index(*fields: str) -> IndexModel:
    return IndexModel([(name.removeprefix("-"), DESCENDING if name[0] == "-" else ASCENDING) for name in fields])


# What is looked up one by one is in `_id`; these serve what is searched.
_INDEXES = {
    "ledger": (
        _index("seq"),
        _index("shop", "seq"),
        _index("offset", "partition", "topic", "log"),
        _index("shop", "user_id", "-at", "-seq"),
        _index("shop", "-at", "-seq"),
        _index("shop", "kind", "at"),
        _index("shop", "products", "-at", "-seq"),
        _index("shop", "purchase"),
    ),
    "quarantine": (_index("-number"), _index("shop", "-number"), _index("shop", "user_id")),
    "documents": (
        _index("collection", "-seq"),
        _index("collection", "shop", "-seq"),
        _index("collection", "shop", "texts", "-seq"),
    ),
}


@contextmanager
def answering(doing: str) -> Iterator[None]:
    """Turn the driver's errors into ours, with a word on what was being done; addresses and passwords are not told.

    What the server could never keep is InvalidInputError; all else may pass, and is UnavailableError.
    """
    try:
        yield
    except (bson.errors.BSONError, pymongo.errors.InvalidOperation, OverflowError, UnicodeError) as error:
        if isinstance(error, pymongo.errors.InvalidOperation) and "close" in str(error):
            raise UnavailableError("the history is closed") from error
        raise InvalidInputError(f"the history cannot keep this ({doing})") from error
    except pymongo.errors.DocumentTooLarge as error:
        raise InvalidInputError(f"too large for the history ({doing})") from error
    except pymongo.errors.PyMongoError as error:
        said = getattr(error, "details", None) or {}
        reason = said.get("codeName") or type(error).__name__
        raise UnavailableError(f"the history's database does not answer ({doing}): {reason}") from error


def name_of(*parts: object) -> str:
    """Return one text for several, as `_id`: no two lists share one."""
    return json.dumps(parts, separators=(",", ":"))


class MongoStore:
    """A database, connected to at the first call (after any fork). Thread-safe.

    Writes wait for the majority, reads see what the majority holds.
    """

    def __init__(self, url: str) -> None:
        """Take `mongodb://USER:PASSWORD@HOST/DATABASE?tls=true&…`; the driver's own options in it go before ours."""
        self._url = url
        self._lock = threading.Lock()
        self._database: Database[Fields] | None = None
        self._closed = False

    def __getitem__(self, collection: str) -> Collection[Fields]:
        """Return a collection; its indexes are there.

        Raises:
            UnavailableError: the server does not answer, or the store is closed.
        """
        with self._lock:
            if self._closed:
                raise UnavailableError("the history is closed")
            if self._database is None:
                self._database = self._connected()
            return self._database[collection]

    def numbers(self, sequence: str, count: int) -> int:
        """Take so many numbers of a sequence that only grows; return the first (1 or more)."""
        taken: Any = self["sequences"].find_one_and_update(
            {"_id": sequence}, {"$inc": {"last": count}}, upsert=True, return_document=True
        )
        return int(taken["last"]) - count + 1

    def close(self) -> None:
        """Let go of the connections. Harmless twice."""
        with self._lock:
            self._closed = True
            if self._database is not None:
                self._database.client.close()

    def _connected(self) -> Database[Fields]:
        told = {name.lower() for name, _ in parse_qsl(urlsplit(self._url).query)}
        options = {name: value for name, value in _OPTIONS.items() if name.lower() not in told}
        client: MongoClient[Fields] = MongoClient(self._url, **options)
        try:
            database = client.get_default_database(_DATABASE, codec_options=_PLAIN)
            for collection, indexes in _INDEXES.items():
                database[collection].create_indexes(list(indexes))
        except BaseException:
            client.close()
            raise
        return database


def ids_refused(error: pymongo.errors.BulkWriteError, documents: Sequence[Fields]) -> set[str]:
    """Return the `_id`s that stood already; any other error of a bulk write is raised on."""
    refused = error.details["writeErrors"]
    if error.details.get("writeConcernErrors") or any(one["code"] != DUPLICATE_KEY for one in refused):
        raise error
    return {documents[one["index"]]["_id"] for one in refused}
