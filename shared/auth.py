"""API keys: made once, shown once, kept as a digest, each with a shop and scopes (SECURITY: auth)."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cachetools import TTLCache

from shared.clock import Clock, to_ms
from shared.errors import NotFoundError, PermanentError, UsageError
from shared.history.port import Document, Documents, Page

COLLECTION = "keys"
_EVERYWHERE = "-"  # keys are looked up before their shop is known, so they are kept apart from every shop
_KEY = re.compile(r"tg_(live|test)_([a-z0-9]{12})_([A-Za-z0-9]{43})([0-9a-f]{8})")
_SHOP = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_TRUST_SECONDS = 30.0  # a revoked key works no longer than this


class Scope(StrEnum):
    """What a key may do; `admin` may do all of it."""

    EVENTS_WRITE = "events:write"
    PROFILES_READ = "profiles:read"
    GRAPH_READ = "graph:read"
    TRENDS_READ = "trends:read"
    EMAILS_READ = "emails:read"
    EMAILS_WRITE = "emails:write"
    BOARDS_READ = "boards:read"
    BOARDS_WRITE = "boards:write"
    TEMPLATES_READ = "templates:read"
    TEMPLATES_WRITE = "templates:write"
    RULES_READ = "rules:read"
    RULES_WRITE = "rules:write"
    PROFILES_EXPORT = "profiles:export"
    PROFILES_ERASE = "profiles:erase"
    DEADLETTERS_READ = "deadletters:read"
    DEADLETTERS_REPLAY = "deadletters:replay"
    ADMIN = "admin"


class AuthenticationError(PermanentError):
    """The credential is missing, malformed, unknown, expired or revoked; it is never said which."""

    code = "unauthenticated"


@dataclass(frozen=True)
class Principal:
    """Who asks: the shop that the credential belongs to, and what it may do there."""

    shop: str
    key_id: str
    scopes: frozenset[str]

    def may(self, scope: str) -> bool:
        """Say whether the scope is granted."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


def shop_name(text: str) -> str:
    """Return a shop's name as it was given.

    Raises:
        UsageError: no shop can be called so.
    """
    if not _SHOP.fullmatch(text):
        raise UsageError("a shop's name is lower-case letters, digits, - and _, 63 at most, such as my-shop")
    return text


def create_key(
    documents: Documents,
    shop: str,
    scopes: Iterable[str],
    environment: str,
    clock: Clock,
    expires_at: datetime | None = None,
    name: str | None = None,
) -> tuple[str, Document]:
    """Make a key; its text is returned this once and kept nowhere.

    Raises:
        UsageError: the shop's name or a scope is not one.
    """
    shop = shop_name(shop)
    granted = sorted(set(scopes))
    if unknown := [scope for scope in granted if scope not in set(Scope)]:
        raise UsageError(f"no scope is called {', '.join(unknown)}; there are {', '.join(Scope)}")
    key_id = "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(12))
    body = f"tg_{environment}_{key_id}_{_secret()}"
    text = body + _checksum(body)
    document = documents.put(
        COLLECTION,
        _EVERYWHERE,
        key_id,
        {
            "shop": shop,
            "scopes": granted,
            "name": name,
            "digest": _digest(text),
            "created_at": to_ms(clock.now()),
            "expires_at": None if expires_at is None else to_ms(expires_at),
            "revoked_at": None,
        },
        expect=0,
    )
    return text, document


def list_keys(documents: Documents, shop: str | None = None) -> list[Document]:
    """Return the keys of a shop (or of all), newest first; 100 at most."""
    return list(keys_page(documents, shop).items)


def keys_page(documents: Documents, shop: str | None, *, page_token: str = "", page_size: int = 100) -> Page[Document]:
    """Return a page of the keys of a shop (or of all), newest first."""
    where = None if shop is None else {"shop": shop}
    return documents.find(COLLECTION, _EVERYWHERE, where, page_token=page_token, page_size=page_size)


def revoke(documents: Documents, key_id: str, clock: Clock, shop: str | None = None) -> None:
    """End a key (of a shop, if one is given); it works for half a minute more at most. Once ended, it stays as it is.

    Raises:
        NotFoundError: there is no such key.
    """
    document = documents.get(COLLECTION, _EVERYWHERE, key_id)
    if document is None or shop not in {None, document.body["shop"]}:
        raise NotFoundError("there is no such key")
    if document.body["revoked_at"] is not None:
        return
    documents.put(COLLECTION, _EVERYWHERE, key_id, {**document.body, "revoked_at": to_ms(clock.now())})


class Authenticator:
    """Says who a credential belongs to. Trusts what it saw for half a minute at most."""

    def __init__(self, documents: Documents, clock: Clock, environment: str = "test") -> None:
        self._documents, self._clock, self._environment = documents, clock, environment
        self._seen: TTLCache[str, Principal] = TTLCache(10_000, _TRUST_SECONDS)
        self._lock = threading.Lock()  # a TTLCache is not safe among threads, and even a look changes it

    def authenticate(self, text: str) -> Principal:
        """Return the principal of a key's text.

        Raises:
            AuthenticationError: it is not a key that works.
        """
        digest = _digest(text)
        with self._lock:
            principal = self._seen.get(digest)
        if principal is None:
            principal = self._look_up(text, digest)
            with self._lock:
                self._seen[digest] = principal
        return principal

    def _look_up(self, text: str, digest: str) -> Principal:
        match = _KEY.fullmatch(text)
        if match is None or not hmac.compare_digest(_checksum(text[:-8]), match[4]):
            raise AuthenticationError
        if match[1] != self._environment:
            raise AuthenticationError  # a test key opens nothing that is live, nor the other way round
        document = self._documents.get(COLLECTION, _EVERYWHERE, match[2])
        known = str(document.body["digest"]) if document else "0" * 64  # an unknown id costs the same comparison
        if not hmac.compare_digest(known, digest) or document is None or not self._works(document):
            raise AuthenticationError
        return Principal(str(document.body["shop"]), match[2], frozenset(document.body["scopes"]))

    def _works(self, document: Document) -> bool:
        expires = document.body["expires_at"]
        return document.body["revoked_at"] is None and (expires is None or to_ms(self._clock.now()) < expires)


def _secret() -> str:
    """43 letters and digits: 256 bits."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    return "".join(secrets.choice(alphabet) for _ in range(43))


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
