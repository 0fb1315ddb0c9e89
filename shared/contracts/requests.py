"""What is asked for over the bus and what is got: emails, boards, work on the graph; and the reply to who asked."""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from typing import Any, ClassVar, Literal

from shared.contracts.templates import Draft
from shared.contracts.values import Id, Model, Moment

GraphWork = Literal["verify", "rebuild", "repair"]
PARKED = "parked"  # the code of a problem: the request could not be handled, and waits in the dead letters
EXPIRED = "expired"  # the code of a problem: nobody got to the request in time, and nothing was done


def campaign_id(user_id: str, campaign: str, period: str | None) -> str:
    """Return the id of what a campaign makes for a user in a period: the same, whoever asks however often."""
    return hashlib.sha256(json.dumps([user_id, campaign, period]).encode()).hexdigest()[:32]


class EmailRequested(Model):
    """Make an email for a user. The request id names the result: asked twice, made once."""

    type: ClassVar[str] = "com.tastegraph.email.requested.v1"

    request_id: Id
    user_id: Id
    template: Id | None = None  # "name" or "name@version"; none: chosen by what is known of the user
    at: Moment | None = None  # ignore what came later
    preview: bool = False  # made and replied, but neither stored nor published; drafts may be previewed
    campaign: Id | None = None  # a campaign reaches a user once in a period, whoever asks however often
    period: Id | None = None  # such as 2026-W47; none: once ever

    @property
    def email_id(self) -> str:
        """The id of the email: the campaign's own for this user and period, else the request's."""
        if self.campaign is None:
            return self.request_id
        return campaign_id(self.user_id, self.campaign, self.period)


class TemplateCheckRequested(Model):
    """Say whether a shop's template may be published: rendered in the sandbox with sample data, and linted."""

    type: ClassVar[str] = "com.tastegraph.template.check-requested.v1"

    request_id: Id
    template: Id  # its name
    draft: Draft


class BoardRequested(Model):
    """Make a vision board for a user."""

    type: ClassVar[str] = "com.tastegraph.board.requested.v1"

    request_id: Id
    user_id: Id
    layout: Id | None = None  # wide (default), square or story
    at: Moment | None = None


class GraphWorkRequested(Model):
    """Compare a shop's graph with its ledger, mend it, or make the whole graph anew, which all shops share."""

    type: ClassVar[str] = "com.tastegraph.graph.work-requested.v1"

    request_id: Id
    work: GraphWork


class EmailGenerated(Model):
    """An email, complete, for a marketing tool to send."""

    type: ClassVar[str] = "com.tastegraph.email.generated.v1"

    email_id: Id
    user_id: Id
    decision_id: Id
    template: str
    template_version: int
    fallback: str | None = None  # which link of the chain served, when not the one asked for; none otherwise
    fallback_reason: str | None = None
    subject: str
    preheader: str
    html: str
    text: str
    headers: dict[str, str]
    products: list[dict[str, Any]]  # product_id, name, slate, score, parts, reason
    consent_basis: str
    generated_at: Moment
    expires_at: Moment


class EmailSkipped(Model):
    """No email was made, on purpose."""

    type: ClassVar[str] = "com.tastegraph.email.skipped.v1"

    email_id: Id
    user_id: Id
    decision_id: Id | None = None
    reason: str  # no-consent, suppressed, capped, nothing-to-say
    detail: str


class BoardGenerated(Model):
    """A vision board: its structure (the published JSON Schema), and where its pictures are kept."""

    type: ClassVar[str] = "com.tastegraph.board.generated.v1"

    board_id: Id
    user_id: Id
    decision_id: Id
    layout: str
    fallback: str | None = None
    fallback_reason: str | None = None
    board: dict[str, Any]
    pictures: dict[str, str]  # file name ("board.png") → object key
    generated_at: Moment


class ReplyStatus(StrEnum):
    """What came of a request."""

    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


class Replied(Model):
    """The answer to a request, for the gateway that asked; `correlation_id` in the envelope joins them."""

    type: ClassVar[str] = "com.tastegraph.request.replied.v1"

    request_id: Id
    status: ReplyStatus
    result: dict[str, Any] | None = None  # the generated or skipped event's data
    problem: dict[str, Any] | None = None  # code, detail, violations


MarketingMessage = (
    EmailRequested | TemplateCheckRequested | BoardRequested | EmailGenerated | EmailSkipped | BoardGenerated | Replied
)
