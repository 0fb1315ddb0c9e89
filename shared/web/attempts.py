"""Failed attempts to authenticate, counted per address and per key id; too many are refused before any work."""

from __future__ import annotations

import math
from ipaddress import IPv6Address, ip_address, ip_network

from shared.counters.limits import Limit, Limiter
from shared.errors import PermanentError
from shared.metrics import ATTEMPTS_FAILED

_WINDOW = 60.0
_V6_HOME = 64  # bits: one household or machine has all addresses behind them


class TooManyAttemptsError(PermanentError):
    """Too many credentials that do not work came from there, or for this key id."""

    code = "too-many-attempts"

    def __init__(self, wait: float) -> None:
        super().__init__("too many credentials that do not work; wait before the next")
        self.wait = max(1, math.ceil(wait))


class Attempts:
    """Counts failures in the limiter, which raises nothing: while its engine is away each process counts by itself.

    An address with too many failures is not looked at until one has faded. A key id with too many has only the answer
    changed: nobody who knows a key's id shall lock out who has the key.
    """

    def __init__(self, limiter: Limiter, per_minute: int) -> None:
        """Count up to so many failures a minute; 0: without end."""
        self._limiter = limiter
        self._limit = Limit("attempts", per_minute, _WINDOW) if per_minute else None

    def admit(self, address: str) -> None:
        """Let an address try.

        Raises:
            TooManyAttemptsError: too many of its attempts failed of late.
        """
        if self._limit is not None and self._limiter.take(_of_address(address), self._limit, 0).remaining < 1:
            ATTEMPTS_FAILED.labels("address").inc()
            raise TooManyAttemptsError(_WINDOW / self._limit.quota)

    def failed(self, address: str, key_id: str | None) -> None:
        """Count a failure.

        Raises:
            TooManyAttemptsError: it is one too many for the key id that was tried.
        """
        ATTEMPTS_FAILED.labels("credential").inc()
        if self._limit is None:
            return
        self._limiter.take(_of_address(address), self._limit)
        if key_id is None:
            return
        had = self._limiter.take(f"attempts:key:{key_id}", self._limit)
        if not had.allowed:
            ATTEMPTS_FAILED.labels("key").inc()
            raise TooManyAttemptsError(had.wait)


def _of_address(address: str) -> str:
    return f"attempts:address:{address}"


def counted(address: str | None) -> str:
    """Return what of a peer's address is counted: an IPv6 address stands for its /64; what is none, for all such."""
    text = (address or "").strip()
    if text.count(":") == 1:
        text = text.partition(":")[0]  # some proxies add the port
    try:
        ip = ip_address(text.strip("[]"))
    except ValueError:
        return "unknown"
    if isinstance(ip, IPv6Address):
        return str(ip.ipv4_mapped or ip_network((int(ip), _V6_HOME), strict=False).network_address)
    return str(ip)
