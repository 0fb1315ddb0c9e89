"""Says whom a credential speaks for, and trusts for a moment what it has seen."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Mapping

from cachetools import TTLCache

from shared.auth import AuthenticationError, Principal, Verified
from shared.clock import Clock, to_ms

_TRUST_SECONDS = 30.0  # what was revoked works no longer than this
_LONGEST = 7000  # below what servers take in a header
_IN_QUERY = frozenset({"access_token", "api_key", "apikey", "authorization", "bearer"})
_LOOKS_SECRET = re.compile(r"tgu?_[A-Za-z0-9_.-]{20,}|eyJ[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)

Verify = Callable[[str], Verified]


class Authenticator:
    """Asks `verify` about each credential once in half a minute; thread-safe."""

    def __init__(self, verify: Verify, clock: Clock) -> None:
        self._verify, self._clock = verify, clock
        self._seen: TTLCache[str, Verified] = TTLCache(10_000, _TRUST_SECONDS)
        self._lock = threading.Lock()  # a TTLCache is not safe among threads, and even a look changes it

    def authenticate(self, text: str) -> Principal:
        """Return whom a credential speaks for.

        Raises:
            AuthenticationError: it does not work.
        """
        if len(text) > _LONGEST:
            raise AuthenticationError
        digest = hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()
        with self._lock:
            seen = self._seen.get(digest)
        if seen is None or self._ended(seen):
            seen = self._verify(text)
            with self._lock:
                self._seen[digest] = seen
        return seen.principal

    def _ended(self, seen: Verified) -> bool:
        return seen.until is not None and to_ms(self._clock.now()) >= seen.until


def in_query(arguments: Mapping[str, str]) -> bool:
    """Say whether a query string holds a credential: logs and histories would keep it."""
    return any(name.lower() in _IN_QUERY or _LOOKS_SECRET.fullmatch(value) for name, value in arguments.items())
