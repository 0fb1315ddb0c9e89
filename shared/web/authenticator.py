"""Says whom a credential speaks for, and trusts for a moment what it has seen."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Mapping

from cachetools import TTLCache

from shared.auth import AuthenticationError, Principal, Verified, key_id_of
from shared.clock import Clock, to_ms
from shared.errors import UnavailableError
from shared.web.attempts import Attempts

_TRUST_SECONDS = 30.0  # what was revoked works no longer than this
_LONGEST = 7000  # below what servers take in a header
_REMEMBER_SECONDS = 3600.0  # what worked so lately is always looked at, and stands while nobody can be asked
_IN_QUERY = frozenset({"access_token", "api_key", "apikey", "authorization", "bearer"})
_LOOKS_SECRET = re.compile(r"tgu?_[A-Za-z0-9_.-]{20,}|eyJ[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)

Verify = Callable[[str], Verified]


class Authenticator:
    """Asks `verify` about each credential once in half a minute; thread-safe."""

    def __init__(self, verify: Verify, clock: Clock, attempts: Attempts) -> None:
        self._verify, self._clock, self._attempts = verify, clock, attempts
        self._seen: TTLCache[str, Verified] = TTLCache(10_000, _TRUST_SECONDS)
        self._worked: TTLCache[str, Verified] = TTLCache(10_000, _REMEMBER_SECONDS)
        self._lock = threading.Lock()  # a TTLCache is not safe among threads, and even a look changes it

    def authenticate(self, text: str, address: str = "") -> Principal:
        """Return whom a credential speaks for that came from an address.

        Raises:
            AuthenticationError: it does not work.
            TooManyAttemptsError: too many did not, from there or of this key id.
            UnavailableError: nobody can be asked, and it has not worked lately.
        """
        digest = hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()
        with self._lock:
            seen, worked = self._seen.get(digest), digest in self._worked
        if seen is None or self._ended(seen):
            if not worked:
                self._attempts.admit(address)
            seen = self._looked_at(text, digest, address)
        return seen.principal

    def _looked_at(self, text: str, digest: str, address: str) -> Verified:
        try:
            if len(text) > _LONGEST:
                raise AuthenticationError  # noqa: TRY301 (it fails as all others do)
            found = self._verify(text)
        except AuthenticationError:
            with self._lock:
                self._seen.pop(digest, None)
                self._worked.pop(digest, None)
            self._attempts.failed(address, key_id_of(text))
            raise
        except UnavailableError:
            known = self._remembered(digest)
            if known is None:
                raise
            return known
        with self._lock:
            self._seen[digest] = self._worked[digest] = found
        return found

    def _remembered(self, digest: str) -> Verified | None:
        """Return what worked lately, for while nobody can be asked."""
        with self._lock:
            known = self._worked.get(digest)
        return None if known is None or self._ended(known) else known

    def _ended(self, seen: Verified) -> bool:
        return seen.until is not None and to_ms(self._clock.now()) >= seen.until


def in_query(arguments: Mapping[str, str]) -> bool:
    """Say whether a query string holds a credential: logs and histories would keep it."""
    return any(name.lower() in _IN_QUERY or _LOOKS_SECRET.fullmatch(value) for name, value in arguments.items())
