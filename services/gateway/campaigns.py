"""Campaigns as documents: emails or boards for a segment, one job each, with how far it has come and who drives it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from services.gateway.documents import FullError, known
from services.gateway.segments import Segment, as_json, count
from services.gateway.templates import Shelf
from shared.clock import Clock, to_ms
from shared.contracts.requests import BoardRequested, EmailRequested, campaign_id
from shared.contracts.values import Id
from shared.erasures import CAMPAIGN_LISTS, CAMPAIGNS
from shared.errors import ConflictError, InvalidInputError, NotFoundError, Violation
from shared.history.port import Document, Documents
from shared.knowledge.port import KnowledgeReader
from shared.web.contract import Asked

PART = 50  # members whose outcomes are kept together: one object, one step of the progress
_ATTEMPTS, _MOST_AT_WORK = 20, 20
_COUNTS = ("made", "skipped", "failed")
_NEXT = {
    "running": {"running": "running", "pausing": "running", "paused": "running"},
    "paused": {"running": "pausing", "pausing": "pausing", "paused": "paused"},
    "cancelled": {
        **dict.fromkeys(("running", "pausing", "paused", "cancelling"), "cancelling"),
        "cancelled": "cancelled",
    },
}
_IDLE = {"paused", "cancelled", "done"}


class NewCampaign(Asked):
    """Emails or boards to be made for a segment."""

    campaign: Id = Field(description="its name: reaches a user once in a period", examples=["spring"])
    period: Id | None = Field(None, description="such as 2026-W47; none: once ever", examples=["2026-W47"])
    makes: Literal["emails", "boards"] = Field("emails", description="what is made for each")
    template: Id | None = Field(None, description="of emails: name or name@version", examples=[None])
    layout: Literal["wide", "square", "story"] | None = Field(None, description="of boards", examples=[None])
    segment: Segment = Field(description="for whom", examples=[{"interest": "Cycling"}])


class Steer(Asked):
    """What a campaign shall do now."""

    status: Literal["running", "paused", "cancelled"] = Field(examples=["paused"])


class EndedError(ConflictError):
    """The campaign has ended."""

    code = "campaign-ended"

    def __init__(self) -> None:
        super().__init__("the campaign has ended, or is about to")


class BusyError(FullError):
    """The shop has as many campaigns at work as it may."""

    code = "too-many-campaigns"

    def __init__(self) -> None:
        super().__init__(f"{_MOST_AT_WORK} campaigns are at work, which is the most: wait, or pause one")


@dataclass(frozen=True)
class CampaignDesk:
    """Keeps campaigns. Safe among processes: every write names the version that it replaces."""

    documents: Documents
    clock: Clock

    def begin(self, shop: str, id: str, asked: NewCampaign, knowledge: KnowledgeReader) -> Document:
        """Keep a new campaign; a list is kept apart, for it is needed only until the campaign ends.

        Raises:
            BusyError: the shop has as many at work as it may.
            ConflictError: another campaign stands under the id.
        """
        if len(self.documents.find(CAMPAIGNS, shop, {"active": "yes"}, page_size=_MOST_AT_WORK).items) == _MOST_AT_WORK:
            raise BusyError
        body = _new(asked, to_ms(self.clock.now()))
        counted = count(knowledge, shop, asked.segment)
        if asked.segment.users:
            listed = list(dict.fromkeys(asked.segment.users))
            self.documents.put(CAMPAIGN_LISTS, shop, id, {"users": listed})
            body["expected"] = len(listed)
        elif counted.complete:
            body["expected"] = counted.users
        return self.documents.put(CAMPAIGNS, shop, id, body, expect=0)

    def steer(self, shop: str, id: str, wanted: str) -> Document:
        """Let a campaign run, pause or end.

        Raises:
            NotFoundError: there is none.
            EndedError: it has ended.
        """
        for _ in range(_ATTEMPTS):
            found = self.known(shop, id)
            status = _NEXT[wanted].get(found.body["status"])
            if status is None:
                raise EndedError
            try:
                return self.documents.put(CAMPAIGNS, shop, id, steered(found.body, status), expect=found.version)
            except ConflictError:
                continue
        raise ConflictError("the campaign is changing all the time; try again")

    def known(self, shop: str, id: str) -> Document:
        """Return a campaign.

        Raises:
            NotFoundError: there is none.
        """
        return known(self.documents, CAMPAIGNS, shop, id)


def check(asked: NewCampaign, shop: str, shelf: Shelf) -> None:
    """Refuse what would fail for every member.

    Raises:
        InvalidInputError: there is no such template, or it is given for what is not made.
    """
    foreign = "layout" if asked.makes == "emails" else "template"
    if getattr(asked, foreign) is not None:
        raise InvalidInputError(
            "the campaign breaks its contract", [Violation(f"/{foreign}", f"not for {asked.makes}")]
        )
    try:
        if asked.template is not None:
            shelf.head(shop, asked.template.partition("@")[0])
    except NotFoundError as error:
        raise InvalidInputError(str(error), [Violation("/template", str(error))]) from None


def _new(asked: NewCampaign, now: int) -> dict[str, Any]:
    segment = asked.segment
    return {
        "name": asked.campaign,
        "period": asked.period,
        "makes": asked.makes,
        "template": asked.template,
        "layout": asked.layout,
        "filter": None if segment.users else as_json(segment.wanted()),
        "expected": None,
        "created_at": now,
        "finished_at": None,
        **dict.fromkeys(_COUNTS, 0),
        "reasons": {},
        "parts": 0,
        "place": 0 if segment.users else "",  # up to where members were found: in the list, or the last user's id
        "asking": [],  # members found, whose outcome is not kept yet
        "holder": None,
        "held_until": 0,
        **_state("running"),
    }


def steered(body: Mapping[str, Any], status: str) -> dict[str, Any]:
    """Return a campaign's body with another status; where nothing is left to do, nobody looks for it any more."""
    return {**body, **_state(status)}


def _state(status: str) -> dict[str, str]:
    return {"status": status, "active": "no" if status in _IDLE else "yes"}


def request_for(body: Mapping[str, Any], user_id: str) -> EmailRequested | BoardRequested:
    """Return what is asked for a member: always the same request under the same id, so that it is made once."""
    name, period = body["name"], body["period"]
    if body["makes"] == "emails":
        id = campaign_id(user_id, name, period)
        return EmailRequested(request_id=id, user_id=user_id, template=body["template"], campaign=name, period=period)
    id = campaign_id(user_id, json.dumps(["board", body["layout"], name]), period)
    return BoardRequested(request_id=id, user_id=user_id, layout=body["layout"])
