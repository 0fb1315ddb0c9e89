"""Limits on what a credential asks for: checked before the work, told in headers (RateLimit, draft -11)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

from flask import Flask, Response, current_app, g, has_request_context, request

from shared.config import Settings
from shared.counters.limits import Lease, Limit, Limiter
from shared.errors import PermanentError
from shared.history.port import Documents
from shared.metrics import LIMITED
from shared.web.allowances import Allowance, Allowances, RouteClass, class_of
from shared.web.guard import PUBLIC, principal, scopes_of
from shared.web.problems import problem

QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"
_TERM = 120.0  # longer than any answer takes; a process that died holds a place no longer
_SOON = 1.0


class QuotaExceededError(PermanentError):
    """More was asked for than may be had just now."""

    code = "quota-exceeded"

    def __init__(self, policy: str, detail: str, wait: float) -> None:
        super().__init__(detail)
        self.policy, self.wait = policy, max(1, math.ceil(wait))


@dataclass(frozen=True)
class Standing:
    """How a limit stands for whoever asks."""

    name: str
    quota: int
    remaining: int
    unit: str = ""  # what is counted, if not requests
    window: int | None = None  # seconds
    reset: float | None = None  # seconds until the quota is whole; of a refusal: until it makes sense to ask again

    def policy(self) -> str:
        """Return the limit as an item of RateLimit-Policy."""
        unit = f';qu="{self.unit}"' if self.unit else ""
        return f'"{self.name}";q={self.quota}{unit}' + ("" if self.window is None else f";w={self.window}")

    def state(self) -> str:
        """Return how it stands as an item of RateLimit."""
        return f'"{self.name}";r={self.remaining}' + ("" if self.reset is None else f";t={math.ceil(self.reset)}")


class Counted:
    """One request and the limits that it counts for."""

    def __init__(self, limiter: Limiter, key: str, kind: RouteClass, allowed: Allowance) -> None:
        self._limiter, self._key, self._kind, self._allowed = limiter, key, kind, allowed
        self._lease: Lease | None = None
        self._taken = 0
        self._told: dict[str, Standing] = {}

    @property
    def told(self) -> Iterable[Standing]:
        """How each limit stands."""
        return self._told.values()

    def tell(self, standing: Standing) -> None:
        """Let the answer say how a limit stands."""
        self._told[standing.name] = standing

    def begin(self) -> None:
        """Count a request, and take a place among those in work.

        Raises:
            QuotaExceededError: there were too many of late, or there are at once.
        """
        self.charge(1)
        if self._allowed.at_once:
            self._hold(self._allowed.at_once)

    def charge(self, cost: int, *, owing: bool = False) -> None:
        """Count so many units more; what a request takes beyond the whole quota is owed.

        Raises:
            QuotaExceededError: so many may not be had yet.
        """
        limit: Limit = self._allowed.rate
        room = cost if owing else min(cost, max(0, limit.quota - self._taken))
        had = self._limiter.take(self._key, limit, room, owing=owing)
        if had.allowed and room < cost:
            had = self._limiter.take(self._key, limit, cost - room, owing=True)
        self._taken += cost
        unit = "items" if self._kind is RouteClass.WRITE else ""
        reset = had.reset if had.allowed else max(had.wait, _SOON)
        self.tell(Standing(limit.name, limit.quota, had.remaining, unit, int(limit.window), reset))
        if not had.allowed:
            raise QuotaExceededError(limit.name, f"this key asks too much of {limit.name} routes; slow down", had.wait)

    def _hold(self, most: int) -> None:
        name = f"{self._kind}-at-once"
        self._lease = self._limiter.hold(self._key, most, _TERM)
        left = self._lease.left if self._lease else 0
        self.tell(Standing(name, most, left, "concurrent-requests", reset=None if self._lease else _SOON))
        if self._lease is None:
            raise QuotaExceededError(name, f"{most} requests of this key are being answered already", _SOON)

    def end(self) -> None:
        """Give the place back."""
        if self._lease:
            self._limiter.release(self._lease)


def charge(cost: int, *, owing: bool = False) -> None:
    """Count more units of the request in hand, before (or with `owing` after) they are worked on.

    Raises:
        QuotaExceededError: so many may not be had yet.
    """
    counted: Counted | None = g.get("counted")
    if counted is not None and cost:
        counted.charge(cost, owing=owing)


def tell(standing: Standing) -> None:
    """Let the answer to the request in hand, if there is one, say how one more limit stands."""
    counted: Counted | None = g.get("counted") if has_request_context() else None
    if counted is not None:
        counted.tell(standing)


def limits(app: Flask, limiter: Limiter, documents: Documents, settings: Settings) -> None:
    """Limit every request that a credential makes; what is open to all is not counted here."""
    allowances = Allowances(documents, settings)

    @app.before_request
    def check() -> None:
        scopes = scopes_of(current_app, request.endpoint or "") or PUBLIC
        if scopes == PUBLIC or request.method == "OPTIONS":
            return
        who, kind = principal(), class_of(scopes, request.method)
        allowed = allowances.of(who, kind)
        if allowed is not None:
            g.counted = Counted(limiter, f"{who.shop}:{who.key_id}:{kind}", kind, allowed)
            g.counted.begin()

    @app.after_request
    def tell_all(response: Response) -> Response:
        standings = list(g.counted.told) if "counted" in g else []
        if standings:
            response.headers["RateLimit-Policy"] = ", ".join(each.policy() for each in standings)
            response.headers["RateLimit"] = ", ".join(each.state() for each in standings)
        return response

    @app.teardown_request
    def end(_: BaseException | None) -> None:
        counted: Counted | None = g.pop("counted", None)
        if counted is not None:
            counted.end()

    app.register_error_handler(QuotaExceededError, _refused)


def _refused(error: QuotaExceededError) -> Response:
    LIMITED.labels(error.policy).inc()
    return problem(
        HTTPStatus.TOO_MANY_REQUESTS,
        str(error),
        type_=QUOTA_EXCEEDED,
        headers={"Retry-After": str(error.wait)},
        more={"violated-policies": [error.policy]},
    )
