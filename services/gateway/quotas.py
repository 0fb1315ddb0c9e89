"""Quotas of what is made: so many emails and boards for a shop in a day and in a month, and for a key if it says so."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from shared.auth import Principal
from shared.clock import Clock
from shared.config import Settings
from shared.errors import ConflictError, UnavailableError
from shared.history.port import Documents
from shared.web.allowances import Allowances
from shared.web.limiting import QuotaExceededError, Standing, tell

COLLECTION = "quotas"
Made = Literal["emails", "boards"]
_ATTEMPTS = 100
_SPANS = ("day", "month")
_SECONDS = {"day": 86_400, "month": 31 * 86_400}


@dataclass(frozen=True)
class Account:
    """Whose quota it is, of what, and how large: a day and a month, 0 for any number."""

    shop: str
    id: str
    name: str
    most: Mapping[str, int]


@dataclass(frozen=True)
class Receipt:
    """What was charged, so that it can be given back to the same day and month."""

    accounts: tuple[Account, ...]
    spans: Mapping[str, str]


def spans_of(now: datetime) -> dict[str, str]:
    """Return the names of the day and the month (UTC) that a moment is in."""
    utc = now.astimezone(UTC)
    return {"day": f"{utc:%Y-%m-%d}", "month": f"{utc:%Y-%m}"}


def ends_in(now: datetime, span: str) -> float:
    """Return the seconds until the day or the month ends."""
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    end = day + timedelta(days=1) if span == "day" else (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    return (end - now).total_seconds()


def parsed(text: str) -> dict[str, int]:
    """Return what `day/month` says."""
    return dict(zip(_SPANS, map(int, text.split("/")), strict=True))


class Quotas:
    """Counts in documents, which outlive every process and are kept as long as the month. Thread-safe.

    Every write names the version that it replaces: of many gateways, none lets more through than there is.
    """

    def __init__(self, documents: Documents, clock: Clock, settings: Settings) -> None:
        self._documents, self._clock = documents, clock
        self._most = {"emails": parsed(settings.quota_emails), "boards": parsed(settings.quota_boards)}
        self._allowances = Allowances(documents, settings)
        self._lock = threading.Lock()  # threads of one process need not contend through the history

    def charge(self, shop: str, made: Made, who: Principal | None = None) -> Receipt:
        """Count one more for the shop, and for the key that asks.

        Raises:
            QuotaExceededError: that was all for this day or month.
            UnavailableError: it could not be counted.
        """
        spans, done = spans_of(self._clock.now()), Receipt((), {})
        for account in self._accounts(shop, made, who):
            try:
                self._add(account, spans, 1)
            except QuotaExceededError:
                self.give_back(done)
                raise
            done = Receipt((*done.accounts, account), spans)
        return done

    def give_back(self, receipt: Receipt) -> None:
        """Take one off again: nothing was made."""
        for account in receipt.accounts:
            self._add(account, receipt.spans, -1)

    def _accounts(self, shop: str, made: Made, who: Principal | None) -> list[Account]:
        found = [Account(shop, made, made, self._most[made])]
        if who is not None and (own := self._allowances.own(who).get(made)):
            found.insert(0, Account(shop, f"{made}-{who.key_id}", f"key-{made}", parsed(str(own))))
        return [account for account in found if any(account.most.values())]

    def _add(self, account: Account, spans: Mapping[str, str], count: int) -> None:
        with self._lock:
            for _ in range(_ATTEMPTS):
                known = self._documents.get(COLLECTION, account.shop, account.id)
                taken = _changed(known.body if known else {}, spans, count)
                if count > 0:
                    self._check(account, taken)
                try:
                    self._documents.put(
                        COLLECTION, account.shop, account.id, taken, expect=known.version if known else 0
                    )
                except ConflictError:
                    continue
                return
        raise UnavailableError("the quota is changing all the time")

    def _check(self, account: Account, taken: Mapping[str, Any]) -> None:
        now = self._clock.now()
        for span in _SPANS:
            most, count, wait = account.most[span], int(taken[span]["count"]), ends_in(now, span)
            if not most:
                continue
            name = f"{account.name}-{span}"
            tell(Standing(name, most, max(0, most - count), window=_SECONDS[span], reset=wait))
            if count > most:
                raise QuotaExceededError(name, f"that was the last of {most} {account.id} for this {span}", wait)


def _changed(body: Mapping[str, Any], spans: Mapping[str, str], count: int) -> dict[str, Any]:
    """Return the counts after a change; a day or month that is over starts anew, and gets nothing back."""
    changed: dict[str, Any] = {}
    for span, name in spans.items():
        known = body.get(span) or {"name": "", "count": 0}
        if known["name"] < name and count > 0:
            known = {"name": name, "count": 0}
        same = known["name"] == name or count > 0
        changed[span] = {**known, "count": max(0, int(known["count"]) + (count if same else 0))}
    return changed
