"""An issuer's public keys (JWKS), by URL or file: looked up anew when one is missing, never lost to a failure."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import jwt
import urllib3

from shared.errors import UnavailableError, UsageError
from shared.logs import logger

ALGORITHMS = frozenset({"RS256", "ES256", "EdDSA"})  # with public keys only: a key of a set never is a secret
_OLD = 300.0  # seconds after which a set is fetched anew, beside the requests
_PAUSE, _PAUSE_EMPTY = 30.0, 5.0  # between two fetches, whatever key ids strangers invent; while there is no set at all
_WAIT = 2.0  # what a request waits for a fetch, and a fetch takes
_LARGEST = 256 << 10

Keys = Mapping[str, jwt.PyJWK]
_log = logger("web")


@dataclass
class _Fetch:
    ends: float
    done: threading.Event = field(default_factory=threading.Event)


class KeySet:
    """The keys of an issuer. Thread-safe; `load` gives the text of the set, or raises what it likes."""

    def __init__(self, load: Callable[[], bytes], timer: Callable[[], float] = time.monotonic) -> None:
        self._load, self._timer = load, timer
        self._keys: Keys = {}
        self._old_at = self._again_at = 0.0
        self._fetch: _Fetch | None = None
        self._lock = threading.Lock()

    def find(self, key_id: str | None) -> jwt.PyJWK | None:
        """Return the key of that id; without one, the only key that there is.

        Raises:
            UnavailableError: no set could be had so far.
        """
        found, now = _chosen(self._keys, key_id), self._timer()
        if found is None or now >= self._old_at:
            fetch = self._begin(now)
            if found is None and fetch is not None:
                fetch.done.wait(max(0.0, fetch.ends - now))
                found = _chosen(self._keys, key_id)
        if found is None and not self._keys:
            raise UnavailableError("the issuer's keys cannot be had")
        return found

    def fetch(self) -> None:
        """Look the keys up now, in this thread.

        Raises:
            ValueError: the set holds no key that can be used.
        """
        self._keys = _parsed(self._load())
        self._old_at = self._timer() + _OLD

    def _begin(self, now: float) -> _Fetch | None:
        """Fetch in a thread of its own, seldom; return what goes on, if anything does."""
        with self._lock:
            if self._fetch is not None and not self._fetch.done.is_set():
                return self._fetch
            if now < self._again_at:
                return None
            self._again_at = now + (_PAUSE if self._keys else _PAUSE_EMPTY)
            self._fetch = _Fetch(now + _WAIT)
            threading.Thread(target=self._run, args=(self._fetch,), name="jwks", daemon=True).start()
            return self._fetch

    def _run(self, fetch: _Fetch) -> None:
        try:
            self.fetch()
        except Exception as error:  # noqa: BLE001 (whatever it is, the last good set stays)
            _log.warning("auth.keys_not_fetched", error=type(error).__name__)
        finally:
            fetch.done.set()


def from_url(url: str) -> KeySet:
    """Return the keys behind a URL; nothing is fetched before the first token comes.

    Raises:
        UsageError: it is no https URL (http to this machine itself will do).
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in {"127.0.0.1", "::1", "localhost"}):
        raise UsageError("TASTEGRAPH_JWT_JWKS_URL must be an https URL")
    pool = urllib3.PoolManager(retries=False, timeout=_WAIT)
    return KeySet(lambda: _fetched(pool, url))


def from_file(path: Path) -> KeySet:
    """Return the keys in a file; it is read anew like a URL.

    Raises:
        UsageError: there is no usable set in it.
    """
    keys = KeySet(path.read_bytes)
    try:
        keys.fetch()
    except (OSError, ValueError) as error:
        raise UsageError("TASTEGRAPH_JWT_JWKS_FILE names a file without keys that can be used") from error
    return keys


def _fetched(pool: urllib3.PoolManager, url: str) -> bytes:
    """Get a document, whole, from where it was said to be, within the time."""
    ends, found = time.monotonic() + _WAIT, b""
    answer = pool.request("GET", url, redirect=False, preload_content=False, headers={"Accept": "application/json"})
    try:
        if answer.status != 200:  # noqa: PLR2004 (OK)
            raise ValueError(f"status {answer.status}")
        while piece := answer.read1(65_536):
            found += piece
            if len(found) > _LARGEST or time.monotonic() > ends:
                raise ValueError("too large or too slow")
    finally:
        answer.close()
    return found


def _parsed(text: bytes) -> Keys:
    try:
        members = jwt.PyJWKSet.from_dict(json.loads(text)).keys
    except (jwt.PyJWTError, AttributeError, TypeError, RecursionError) as error:
        raise ValueError("not a set of keys") from error
    usable = [key for key in members if key.algorithm_name in ALGORITHMS and key.public_key_use in {None, "sig"}]
    if not usable:
        raise ValueError("no key that can be used")
    return {str(key.key_id): key for key in usable}


def _chosen(keys: Keys, key_id: str | None) -> jwt.PyJWK | None:
    if key_id is None:
        return next(iter(keys.values())) if len(keys) == 1 else None
    return keys.get(key_id)
