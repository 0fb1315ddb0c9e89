"""How much a key may ask for: the settings' limits for each class of routes, or those that its own document names."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cachetools import TTLCache

from shared.auth import COLLECTION, Principal
from shared.config import Settings
from shared.counters.limits import Limit
from shared.errors import InvalidInputError, TransientError, Violation
from shared.history.port import Documents

RATE = r"([1-9][0-9]{0,8})/([1-9][0-9]{0,5})(?:/([1-9][0-9]{0,4}))?"  # units/seconds[/at once]
_EVERYWHERE = "-"  # where keys are kept: apart from every shop
_TRUST_SECONDS = 30.0
_MAKING = frozenset({"emails:write", "boards:write", "templates:write"})
_HEAVY = frozenset({"admin", "profiles:export", "profiles:erase", "deadletters:replay"})


class RouteClass(StrEnum):
    """What routes have in common that are limited together."""

    READ = "read"
    WRITE = "write"  # counts the items of a body, not the requests
    MAKE = "make"  # waits for an email, a board or a trial of a template
    ADMIN = "admin"


@dataclass(frozen=True)
class Allowance:
    """How much of a class may be had, and how many requests of it may be in work at once (0: any number)."""

    rate: Limit
    at_once: int


def class_of(scopes: frozenset[str], method: str) -> RouteClass:
    """Return the class of a route, by what it needs and how it is called."""
    if scopes <= _HEAVY:
        return RouteClass.ADMIN
    if method in {"GET", "HEAD"}:
        return RouteClass.READ
    return RouteClass.MAKE if method == "POST" and scopes <= _MAKING else RouteClass.WRITE


def allowance(kind: str, text: str) -> Allowance | None:
    """Return what `units/seconds[/at once]` allows; an empty text: no limit."""
    match = re.fullmatch(RATE, text)
    if match is None:
        return None
    return Allowance(Limit(kind, int(match[1]), float(match[2])), int(match[3] or 0))


def looser(text: str, than: str) -> bool:
    """Say whether one text allows anything that the other does not."""
    one, other = allowance("", text), allowance("", than)
    if other is None or one is None:
        return other is not None
    unbounded = one.at_once == 0 or (other.at_once and one.at_once > other.at_once)
    quicker = one.rate.quota * other.rate.window > other.rate.quota * one.rate.window
    return quicker or one.rate.quota > other.rate.quota or bool(other.at_once and unbounded)


def within(limits: Mapping[str, str], settings: Settings) -> Mapping[str, str]:
    """Return a key's own limits as they were given: a key may be bound more tightly than the settings do, never less.

    Raises:
        InvalidInputError: one is looser than everybody's.
    """
    usual = {kind: str(getattr(settings, f"limit_{kind}")) for kind in RouteClass}
    if found := [kind for kind in RouteClass if kind in limits and looser(limits[kind], usual[kind])]:
        told = [Violation(f"/limits/{kind}", f"may allow no more than {usual[kind]}") for kind in found]
        raise InvalidInputError("a key's limits are looser than everybody's", told)
    return limits


class Allowances:
    """Looks up what a credential is allowed; a key's document is trusted for half a minute. Thread-safe."""

    def __init__(self, documents: Documents, settings: Settings) -> None:
        self._documents = documents
        self._usual = {kind: str(getattr(settings, f"limit_{kind}")) for kind in RouteClass}
        self._known: TTLCache[tuple[str, str], Mapping[str, Any]] = TTLCache(10_000, _TRUST_SECONDS)
        self._lock = threading.Lock()  # a TTLCache is not safe among threads, and even a look changes it

    def of(self, who: Principal, kind: RouteClass) -> Allowance | None:
        """Return what a credential may have of a class; none: as much as it likes."""
        return allowance(kind, str(self.own(who).get(kind, self._usual[kind])))

    def own(self, who: Principal) -> Mapping[str, Any]:
        """Return the limits that a key brings along; none while the history does not answer."""
        with self._lock:
            known = self._known.get((who.shop, who.key_id))
        if known is None:
            known = self._looked_up(who)
            with self._lock:
                self._known[who.shop, who.key_id] = known
        return known

    def _looked_up(self, who: Principal) -> Mapping[str, Any]:
        try:
            document = self._documents.get(COLLECTION, _EVERYWHERE, who.key_id)
        except TransientError:
            return {}
        return (document.body.get("limits") or {}) if document and document.body["shop"] == who.shop else {}
