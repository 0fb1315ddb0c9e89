"""A shop's HTTP client, who notes down what every answer, or its absence, says."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chaos.journal import Attempt, Journal, Outcome, outcome_of
from chaos.system import System
from services.ingest.model import INTAKES
from shared.contracts.codec import digest

PATIENCE = 20.0  # seconds; the gateway's own wait for a reply is within


@dataclass(frozen=True, slots=True)
class Item:
    """An event as a shop says it; `kind` is the intake's word: purchases, interests, products or users."""

    shop: str
    kind: str
    body: Mapping[str, Any]

    def attempt(self, outcome: Outcome, status: int = 0, answer: Mapping[str, Any] | None = None) -> Attempt:
        """Return what is noted of sending it once."""
        intake, at = INTAKES[self.kind], (answer or {}).get("event")
        return Attempt(
            shop=self.shop,
            kind=intake.ledger_kind.value,
            id=self.body[intake.id],
            digest=digest(intake.contract.model_validate(self.body)),
            outcome=outcome,
            status=status,
            user=self.body.get("user_id", ""),
            place=(at["topic"], at["partition"], at["offset"]) if at else None,
        )


class Client:
    """Sends for any shop, with that shop's key."""

    def __init__(self, system: System, journal: Journal) -> None:
        self._system, self._journal = system, journal

    def send(self, items: Sequence[Item]) -> bool:
        """Send events of one shop and kind; say whether all of them were dealt with."""
        shop, kind = items[0].shop, items[0].kind
        url = f"{self._system.workers['ingest'].url}/v1/{kind}"
        status, answer = self._call(shop, "POST", url, [each.body for each in items])
        told = (answer or {}).get("items") or [{}] * len(items)
        outcomes = [_item_outcome(status, one) for one in told]
        noted = [each.attempt(said, status, one) for each, said, one in zip(items, outcomes, told, strict=True)]
        self._journal.note(*noted)
        return all(each is Outcome.OK for each in outcomes)

    def make(self, shop: str, kind: str, user: str, key: str) -> bool:
        """Ask for an email or a board under an Idempotency-Key; say whether it was made or promised."""
        url = f"{self._system.workers['gateway'].url}/v1/{kind}s"
        status, answer = self._call(shop, "POST", url, {"user_id": user}, {"Idempotency-Key": f'"{key}"'})
        told = answer or {}
        made = told.get(f"{kind}_id") or told.get("job_id") or ""
        self._journal.note(Attempt(shop, kind, key, "", outcome_of(status), status, user, made=made))
        return 200 <= status < 300

    def erase(self, shop: str, user: str) -> bool:
        """Ask for a user to be forgotten; say whether that was promised."""
        url = f"{self._system.workers['gateway'].url}/v1/users/{user}"
        status, answer = self._call(shop, "DELETE", url)
        outcome = outcome_of(status)
        self._journal.note(
            Attempt(shop, "erasure", user, "", outcome, status, user, made=(answer or {}).get("job_id", ""))
        )
        return outcome is Outcome.OK

    def look(self, shop: str, path: str) -> int:
        """Read something; only the status counts."""
        status, _ = self._call(shop, "GET", f"{self._system.workers['gateway'].url}{path}")
        self._journal.note(Attempt(shop, "read", path, "", outcome_of(status), status))
        return status

    def _call(
        self, shop: str, method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, Any] | None]:
        sent = {"Authorization": f"Bearer {self._system.keys[shop]}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {**sent, **(headers or {})}, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310 (the system under test)
                return answer.status, _read(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _read(error.read())
        except OSError:
            return 0, None


def _read(body: bytes) -> dict[str, Any] | None:
    """Return what an answer says; nothing, if it is a picture, say."""
    try:
        said = json.loads(body or b"{}")
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def _item_outcome(status: int, told: Mapping[str, Any]) -> Outcome:
    if told.get("outcome") == "rejected":
        return Outcome.FAILED
    return outcome_of(status)
