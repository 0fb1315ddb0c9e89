"""Segments and campaigns as the gateway shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from services.gateway.answers.users import Page
from shared.web.contract import Shown

_AT = ["2026-05-03T10:00:00+00:00"]
Status = Literal["running", "pausing", "paused", "cancelling", "cancelled", "done"]


class Counted(Shown):
    """How many users a segment is made of."""

    users: int = Field(examples=[120])
    looked_at: int = Field(description="of how many users", examples=[2500])
    complete: bool = Field(description="false: the time was over before all were looked at", examples=[True])


class Campaign(Shown):
    """A campaign and how far it has come. What was asked for before a pause or an end is still answered and counted."""

    id: str = Field(examples=["0c9d7be0a1f24e55b6d7c8e9"])
    campaign: str = Field(examples=["spring"])
    period: str | None = Field(examples=["2026-W47"])
    makes: Literal["emails", "boards"] = Field(examples=["emails"])
    template: str | None = Field(examples=[None])
    layout: str | None = Field(examples=[None])
    status: Status = Field(examples=["running"])
    expected: int | None = Field(description="members when it began; none: not counted in time", examples=[120])
    made: int = Field(examples=[50])
    skipped: int = Field(examples=[3])
    failed: int = Field(examples=[0])
    reasons: Mapping[str, int] = Field(description="of skips and failures", examples=[{"no-consent": 3}])
    created_at: str | None = Field(examples=_AT)
    finished_at: str | None = Field(examples=[None])
    result: str = Field(description="what became of whom, so far", examples=["/v1/campaigns/0c9d7be0a1f24e55/result"])


class Campaigns(Page):
    """The shop's campaigns, last changed first."""

    items: list[Campaign]
