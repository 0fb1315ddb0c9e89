"""Who gets no marketing, and why: the strongest reason stands, whoever came first."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from services.gateway.model import outranks
from services.gateway.ports import GatewayPorts
from shared.clock import to_ms
from shared.contracts.values import Id, Moment
from shared.errors import ConflictError
from shared.web.contract import Asked

SUPPRESSIONS = "suppressions"
_ATTEMPTS = 20


class Reported(Asked):
    """What a sender was told by a mailbox or its reader."""

    event: Literal["hard-bounce", "complaint", "unsubscribed"] = Field(examples=["hard-bounce"])
    user_id: Id | None = Field(None, description="whose it is", examples=["ann"])
    email_id: Id | None = Field(None, description="or which of our emails it is about", examples=[None])
    at: Moment | None = Field(None, description="none: now", examples=[None])

    @model_validator(mode="after")
    def _names_somebody(self) -> Self:
        if (self.user_id is None) == (self.email_id is None):
            raise ValueError("give user_id or email_id")
        return self


class Reports(Asked):
    """What a sender was told, in order."""

    events: Annotated[list[Reported], Field(min_length=1, max_length=500)]


def suppress(ports: GatewayPorts, shop: str, user_id: str, reason: str, at: Moment | None = None) -> bool:
    """Send a user no more emails, at once; say whether that is new. A weaker reason never replaces a stronger one."""
    now = ports.clock.now()
    body = {"reason": reason, "at": to_ms(min(at or now, now))}
    for _ in range(_ATTEMPTS):
        known = ports.history.get(SUPPRESSIONS, shop, user_id)
        if known is not None and not outranks(reason, str(known.body["reason"])):
            return False
        try:
            ports.history.put(SUPPRESSIONS, shop, user_id, body, expect=known.version if known else 0)
        except ConflictError:  # somebody else suppressed or released them just now
            continue
        return known is None
    raise ConflictError("the suppression is changing all the time; try again")


def take(ports: GatewayPorts, shop: str, report: Reported) -> str:
    """Suppress whom a report is about; return what became of it: suppressed, known, or an email that we do not know."""
    user_id = report.user_id
    if report.email_id is not None:
        email = ports.history.get("emails", shop, report.email_id)
        if email is None:
            return "unknown-email"
        user_id = str(email.body["user_id"])
    return "suppressed" if suppress(ports, shop, str(user_id), report.event, report.at) else "known"
