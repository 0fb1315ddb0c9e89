"""A campaign in hand: its members are asked for in parts, and each part's outcomes are kept in one step."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from services.gateway.asking import JOBS, UNANSWERED, Asker
from services.gateway.campaigns import PART, request_for, steered
from services.gateway.outcomes import Outcome, keep
from services.gateway.quotas import Quotas
from services.gateway.segments import filter_of, following
from shared.clock import Clock, to_ms
from shared.contracts.codec import digest
from shared.contracts.requests import EXPIRED
from shared.erasures import CAMPAIGN_LISTS, CAMPAIGNS, standing
from shared.errors import ConflictError, TransientError
from shared.history.port import Document, History
from shared.knowledge.port import KnowledgeReader
from shared.knowledge.segments import Filter
from shared.logs import logger
from shared.metrics import CAMPAIGN_MEMBERS
from shared.objects.port import Objects
from shared.web.limiting import QuotaExceededError

LEASE_MS, _PATIENCE_MS = 10_000, 30_000
_ENDS = {"pausing": "paused", "cancelling": "cancelled"}
_log = logger("gateway")


@dataclass(frozen=True)
class DriverPorts:
    """All that driving needs of the outside."""

    knowledge: KnowledgeReader
    history: History
    objects: Objects
    clock: Clock
    asker: Asker
    quotas: Quotas


class LostError(Exception):
    """Another gateway drives the campaign now, or it is no more."""


class Drive:
    """One campaign in hand: it is asked for its members in parts, and each part's outcomes are kept in one step.

    What was begun and not kept when a gateway died is asked for again under the same ids: nothing is made twice.
    """

    def __init__(self, campaign: Document, holder: str, ports: DriverPorts) -> None:
        self._ports, self._holder, self._shop, self.id = ports, holder, campaign.shop, campaign.id
        self._held = self._put(campaign, {**campaign.body, "holder": holder, "held_until": self._until()})
        self._outcomes: dict[str, Outcome] = {}
        self._in_flight: dict[str, str] = {}  # user → request
        self._sent: set[str] = set()  # by us, in this part
        self._todo: list[str] = []
        self._take(self._held.body["asking"])

    @property
    def in_flight(self) -> int:
        """How many requests are being answered."""
        return len(self._in_flight)

    def step(self, room: int) -> bool:
        """Hear what became of requests, make as many more as there is room, keep what is done; say whether to go on.

        Raises:
            LostError: another gateway drives the campaign.
            TransientError: an engine does not answer.
        """
        self._hold()
        for user in list(self._in_flight):
            self._hear(user)
        running = self._held.body["status"] == "running"
        while running and self._todo and room > 0:
            room -= self._ask(self._todo.pop(0))
        if self._in_flight or (running and self._todo):
            return True
        return self._close_part()

    def let_go(self) -> None:
        """Let another gateway drive it at once."""
        with suppress(TransientError, ConflictError):
            self._put(self._held, {**self._held.body, "holder": None, "held_until": 0})

    def _hold(self) -> None:
        """See that the campaign is still ours, and what is wanted of it; renew the lease in its second half."""
        found = self._ports.history.get(CAMPAIGNS, self._shop, self.id)
        if found is None or found.body["holder"] != self._holder:
            raise LostError
        self._held = found
        if found.body["held_until"] - to_ms(self._ports.clock.now()) < LEASE_MS // 2:
            with suppress(ConflictError):  # its status was changed just now: seen in the next step
                self._held = self._put(found, {**found.body, "held_until": self._until()})

    def _take(self, members: list[str]) -> None:
        """Begin a part; who is not known (or was erased since) is not written to."""
        known = set(self._ports.knowledge.among(self._shop, members, Filter()))
        self._todo, self._sent = [user for user in members if user in known], set()
        self._outcomes = {user: self._stranger(user) for user in members if user not in known}
        if self._held.body["status"] != "running":  # what a gateway that died had asked for is waited for
            self._todo = [user for user in self._todo if not self._asked_before(user, pending=False)]

    def _stranger(self, user: str) -> Outcome:
        """Return what becomes of somebody whom the graph does not know; who was erased is not named again."""
        if self._erased(user):
            return Outcome("", "skipped", "erased")
        return Outcome(user, "skipped", "unknown-user")

    def _erased(self, user: str) -> bool:
        return standing(self._shop, user, self._ports.history).step > 0

    def _asked_before(self, user: str, *, pending: bool) -> bool:
        """Wait for the answer to what was asked for already (only if it is pending, if so wanted); say if it was."""
        request = request_for(self._held.body, user)
        job = self._ports.history.get(JOBS, self._shop, request.request_id)
        if job is None or job.body["digest"] != digest(request) or (pending and job.body["status"] != "pending"):
            return False
        self._in_flight[user] = request.request_id
        return True

    def _ask(self, user: str) -> int:
        """Ask for a member; say how many requests that put in flight."""
        if self._erased(user) and not self._ports.knowledge.among(self._shop, [user], Filter()):
            self._outcomes[user] = self._stranger(user)
            return 0
        if not self._asked_before(user, pending=True) and not self._send(user):
            return 0
        self._hear(user)
        return int(user in self._in_flight)

    def _send(self, user: str) -> bool:
        request = request_for(self._held.body, user)
        try:
            self._charge(request.request_id)
            self._ports.asker.send(self._shop, request, self.id)
        except ConflictError:
            self._outcomes[user] = Outcome(user, "skipped", "asked-otherwise", request.request_id)
            return False
        except QuotaExceededError as error:
            self._outcomes[user] = Outcome(user, "skipped", error.code, request.request_id)
            return False
        self._in_flight[user] = request.request_id
        self._sent.add(user)
        return True

    def _charge(self, request_id: str) -> None:
        """Count against the shop's quota what was not asked for before."""
        if self._ports.history.get(JOBS, self._shop, request_id) is None:
            self._ports.quotas.charge(self._shop, self._held.body["makes"])

    def _hear(self, user: str) -> None:
        """Hear what became of a member; whom a gateway that died asked for, perhaps in vain, is asked for again."""
        id, now = self._in_flight[user], to_ms(self._ports.clock.now())
        job = self._ports.history.get(JOBS, self._shop, id)
        if job and user not in self._sent and job.body["status"] in UNANSWERED and now - job.updated_at > _PATIENCE_MS:
            self._send(user)
        outcome = _outcome(user, id, job.body if job else None, now)
        if outcome is not None:
            self._outcomes[user] = outcome
            del self._in_flight[user]

    def _close_part(self) -> bool:
        """Keep what is done, and begin the next part or end; the campaign's document says both in one step."""
        body, outcomes = self._held.body, list(self._outcomes.values())
        if outcomes:
            keep(self._held, outcomes, self._ports.history, self._ports.objects)
            _count(body["makes"], outcomes)
        counted = _counted(body, outcomes)
        status = body["status"]
        if status in _ENDS:
            return self._end({**counted, "asking": self._todo if status == "pausing" else []}, _ENDS[status])
        members, place = self._following()
        if not members and place is None:
            return self._end({**counted, "asking": []}, "done")
        self._held = self._put(self._held, {**counted, "asking": members, "place": place, "held_until": self._until()})
        self._take(members)
        return True

    def _end(self, body: Mapping[str, Any], status: str) -> bool:
        over = status != "paused"
        finished = {"finished_at": to_ms(self._ports.clock.now()), "place": None} if over else {}
        self._put(self._held, {**steered(body, status), **finished, "holder": None, "held_until": 0})
        if over:
            self._ports.history.delete(CAMPAIGN_LISTS, self._shop, self.id)
        _log.info("campaign.ended" if over else "campaign.paused", correlation_id=self.id, status=status)
        return False

    def _following(self) -> tuple[list[str], int | str | None]:
        """Return the next members, and where to look for those after them: none if these are the last."""
        place = self._held.body["place"]
        if place is None:
            return [], None
        if self._held.body["filter"] is not None:
            wanted = filter_of(self._held.body["filter"])
            found = following(self._ports.knowledge, self._shop, wanted, str(place), PART)
            return list(found.users), found.after
        listed = self._ports.history.get(CAMPAIGN_LISTS, self._shop, self.id)
        users = listed.body["users"] if listed else []
        members = users[place : place + PART]
        return [user for user in members if user], place + PART if place + PART < len(users) else None

    def _until(self) -> int:
        return to_ms(self._ports.clock.now()) + LEASE_MS

    def _put(self, over: Document, body: Mapping[str, Any]) -> Document:
        return self._ports.history.put(CAMPAIGNS, over.shop, over.id, body, expect=over.version)


def _outcome(user: str, id: str, job: Mapping[str, Any] | None, now: int) -> Outcome | None:
    """Return what a member's job says, or none while it is pending."""
    if job is None:
        return Outcome("", "skipped", "erased")
    match job["status"]:
        case "done":
            return Outcome(user, "made", None, id)
        case "skipped":
            return Outcome(user, "skipped", str((job.get("result") or {}).get("reason", "skipped")), id)
        case "pending":
            return Outcome(user, "failed", EXPIRED, id) if now > int(job["expires_at"]) else None
        case status:
            return Outcome(user, "failed", str((job.get("problem") or {}).get("code", status)), id)


def _count(makes: str, outcomes: list[Outcome]) -> None:
    for each in outcomes:
        CAMPAIGN_MEMBERS.labels(makes, each.status).inc()


def _counted(body: Mapping[str, Any], outcomes: list[Outcome]) -> dict[str, Any]:
    counted, reasons = dict(body), dict(body["reasons"])
    for each in outcomes:
        counted[each.status] += 1
        if each.reason:
            reasons[each.reason] = reasons.get(each.reason, 0) + 1
    return {**counted, "reasons": reasons, "parts": body["parts"] + bool(outcomes)}
