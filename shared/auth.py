"""Who may do what; API keys: made once, shown once, kept as a digest, each with a shop and scopes."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.clock import Clock, to_ms
from shared.errors import ConflictError, NotFoundError, PermanentError, UsageError
from shared.history.port import Document, Documents, Page

COLLECTION = "keys"
USES = "key_uses"  # apart from the keys: what is written often must never write over a revocation
_EVERYWHERE = "-"  # keys are looked up before their shop is known, so they are kept apart from every shop
_KEY = re.compile(r"tg_(live|test)_([a-z0-9]{12})_([A-Za-z0-9]{43})([0-9a-f]{8})")
_SHOP = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_USE_MS = 60_000  # a key's use is written down once in so long, at most


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
    TOKENS_WRITE = "tokens:write"
    ADMIN = "admin"


OWN = "own:read"  # no key has it: an end user's token, for what is that user's own


class AuthenticationError(PermanentError):
    """The credential is malformed, unknown, expired or revoked; it is never said which."""

    code = "unauthenticated"


class NoCredentialError(AuthenticationError):
    """No credential was given."""


@dataclass(frozen=True)
class Principal:
    """Who asks: the shop that the credential belongs to, and what it may do there."""

    shop: str
    key_id: str  # names the credential in logs, limits and the audit trail; of a token it is made from its subject
    scopes: frozenset[str]
    user_id: str | None = None  # of an end user's token, which opens what is theirs and nothing else

    def may(self, scope: str) -> bool:
        """Say whether the scope is granted."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


@dataclass(frozen=True)
class Verified:
    """Whom a credential speaks for, and until when (ms), if it ends by itself."""

    principal: Principal
    until: int | None = None


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
        COLLECTION, _EVERYWHERE, key_id, _body(text, shop, granted, clock, expires_at, name), expect=0
    )
    return text, document


def _body(
    text: str, shop: str, scopes: list[str], clock: Clock, expires_at: datetime | None, name: str | None
) -> dict[str, Any]:
    return {
        "shop": shop,
        "scopes": scopes,
        "name": name,
        "digest": _digest(text),
        "created_at": to_ms(clock.now()),
        "expires_at": None if expires_at is None else to_ms(expires_at),
        "revoked_at": None,
    }


def limit_key(documents: Documents, document: Document, limits: Mapping[str, str]) -> Document:
    """Give a key limits of its own."""
    return documents.put(COLLECTION, _EVERYWHERE, document.id, {**document.body, "limits": dict(limits)})


def list_keys(documents: Documents, shop: str | None = None) -> list[Document]:
    """Return the keys of a shop (or of all), newest first; 100 at most."""
    return list(keys_page(documents, shop).items)


def keys_page(documents: Documents, shop: str | None, *, page_token: str = "", page_size: int = 100) -> Page[Document]:
    """Return a page of the keys of a shop (or of all), newest first."""
    where = None if shop is None else {"shop": shop}
    return documents.find(COLLECTION, _EVERYWHERE, where, page_token=page_token, page_size=page_size)


def last_used(documents: Documents, key_id: str) -> int | None:
    """Return when a key was last used (ms), to a minute or two; none: never."""
    known = documents.get(USES, _EVERYWHERE, key_id)
    return None if known is None else int(known.body["at"])


def note_use(documents: Documents, key_id: str, clock: Clock) -> None:
    """Write down that a key is used, once a minute at most, whichever process sees it.

    Raises:
        TastegraphError: it could not be written, or another process did just now; nobody should mind.
    """
    now, known = to_ms(clock.now()), documents.get(USES, _EVERYWHERE, key_id)
    if known is None or now - int(known.body["at"]) >= _USE_MS:
        documents.put(USES, _EVERYWHERE, key_id, {"at": now}, expect=known.version if known else 0)


def revoke(documents: Documents, key_id: str, clock: Clock, shop: str | None = None) -> Document:
    """End a key (of a shop, if one is given); it works for half a minute more at most. Once ended, it stays as it is.

    Raises:
        NotFoundError: there is no such key.
    """
    document = _key(documents, key_id, shop)
    if document.body["revoked_at"] is not None:
        return document
    return documents.put(COLLECTION, _EVERYWHERE, key_id, {**document.body, "revoked_at": to_ms(clock.now())})


def rotate(
    documents: Documents, key_id: str, overlap: timedelta, environment: str, clock: Clock, shop: str | None = None
) -> tuple[str, Document]:
    """Make a key that takes another's place; the old one works on for the overlap, so that both can be in use.

    The new key has the old one's name, scopes and length of life. Two of a line live at most: the one before ends.

    Raises:
        NotFoundError: there is no such key.
        ConflictError: it works no more, or another took its place already.
    """
    old = _key(documents, key_id, shop)
    now = clock.now()
    if not _works(old, to_ms(now)):
        raise ConflictError("this key works no more; make a new one")
    if old.body.get("replaced_by"):
        raise ConflictError(f"the key {old.body['replaced_by']} took its place already; rotate that one")
    ends, made = old.body["expires_at"], int(old.body["created_at"])
    expires_at = None if ends is None else now + timedelta(milliseconds=int(ends) - made)
    text, new = create_key(
        documents, old.body["shop"], old.body["scopes"], environment, clock, expires_at, old.body["name"]
    )
    changes = {"replaced_by": new.id, "expires_at": min(to_ms(now + overlap), ends if ends is not None else 1 << 62)}
    try:
        documents.put(COLLECTION, _EVERYWHERE, old.id, {**old.body, **changes}, expect=old.version)
    except ConflictError:
        revoke(documents, new.id, clock)
        raise ConflictError("this key is being changed by another just now; look at it again") from None
    if before := old.body.get("replaces"):
        revoke(documents, before, clock)
    return text, documents.put(COLLECTION, _EVERYWHERE, new.id, {**new.body, "replaces": old.id, **_limits(old)})


def _limits(document: Document) -> dict[str, Any]:
    return {"limits": document.body["limits"]} if document.body.get("limits") else {}


def verify_key(documents: Documents, text: str, environment: str, clock: Clock) -> Verified:
    """Return whom a key speaks for.

    Raises:
        AuthenticationError: it is not a key that works.
    """
    match = _KEY.fullmatch(text)
    if match is None or not hmac.compare_digest(_checksum(text[:-8]), match[4]):
        raise AuthenticationError
    if match[1] != environment:
        raise AuthenticationError  # a test key opens nothing that is live, nor the other way round
    document = documents.get(COLLECTION, _EVERYWHERE, match[2])
    known = str(document.body["digest"]) if document else "0" * 64  # an unknown id costs the same comparison
    same = hmac.compare_digest(known, _digest(text))
    if document is None or not same or not _works(document, to_ms(clock.now())):
        raise AuthenticationError
    principal = Principal(str(document.body["shop"]), match[2], frozenset(document.body["scopes"]))
    return Verified(principal, document.body["expires_at"])


def alive(documents: Documents, key_id: str, clock: Clock) -> bool:
    """Say whether a key works still; for what was made with it."""
    document = documents.get(COLLECTION, _EVERYWHERE, key_id)
    return document is not None and _works(document, to_ms(clock.now()))


def key_id_of(text: str) -> str | None:
    """Return the id that a text claims, if it has the form of a key."""
    match = _KEY.fullmatch(text)
    return match[2] if match else None


def _key(documents: Documents, key_id: str, shop: str | None) -> Document:
    document = documents.get(COLLECTION, _EVERYWHERE, key_id)
    if document is None or shop not in {None, document.body["shop"]}:
        raise NotFoundError("there is no such key")
    return document


def _works(document: Document, now: int) -> bool:
    expires = document.body["expires_at"]
    return document.body["revoked_at"] is None and (expires is None or now < expires)


def _secret() -> str:
    """43 letters and digits: 256 bits."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    return "".join(secrets.choice(alphabet) for _ in range(43))


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
