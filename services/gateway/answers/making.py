"""Emails, boards, decisions and jobs as the gateway shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ConfigDict, Field

from shared.contracts.requests import EmailGenerated, EmailSkipped
from shared.web.contract import Shown
from shared.web.problems import Problem

_ID = ["0c9d7be0a1f24e55b6d7c8e9"]


class Email(Shown):
    """An email: what it says, what is in it and why; its bodies are at `/html` and `/text`."""

    # What the email service adds to its event is shown too.
    model_config = ConfigDict(extra="allow")

    email_id: str = Field(examples=_ID)
    user_id: str = Field(examples=["ann"])
    decision_id: str = Field(examples=_ID)
    template: str = Field(examples=["personalised"])
    template_version: int = Field(examples=[1])
    fallback: str | None = Field(description="which link of the chain served, when not the one asked for")
    fallback_reason: str | None
    subject: str = Field(examples=["Your Green Tea, again"])
    preheader: str = Field(examples=["and three things to discover"])
    headers: Mapping[str, str] = Field(examples=[{"Subject": "Your Green Tea, again"}])
    products: list[dict[str, Any]] = Field(examples=[[{"product_id": "tea", "reason": "You buy it every month"}]])
    consent_basis: str = Field(examples=["consent"])
    generated_at: str = Field(examples=["2026-05-03T10:00:00Z"])
    expires_at: str = Field(examples=["2026-05-10T10:00:00Z"])
    files: list[str] = Field(examples=[["email.html", "email.txt", "email.headers.json"]])
    self: str = Field(examples=["/v1/emails/0c9d7be0a1f24e55b6d7c8e9"])


class Skipped(EmailSkipped):
    """No email was made, on purpose."""

    model_config = ConfigDict(extra="allow")

    status: Literal["skipped"] = Field(examples=["skipped"])


class Preview(EmailGenerated):
    """An email that is neither kept nor published, with its bodies."""

    model_config = ConfigDict(extra="allow")


class Board(Shown):
    """A vision board: its structure (docs/schemas/board.schema.json); its picture is at `/picture`."""

    board_id: str = Field(examples=_ID)
    user_id: str = Field(examples=["ann"])
    decision_id: str = Field(examples=_ID)
    layout: str = Field(examples=["wide"])
    fallback: str | None = Field(description="which link of the chain served, when not the one asked for")
    fallback_reason: str | None
    board: dict[str, Any] = Field(examples=[{"title": "Ann’s board"}])
    generated_at: str = Field(examples=["2026-05-03T10:00:00Z"])
    files: list[str] = Field(examples=[["board.png", "board.webp", "board.svg", "board.json"]])
    self: str = Field(examples=["/v1/boards/0c9d7be0a1f24e55b6d7c8e9"])


class Decision(Shown):
    """What a decision rested on; `insight` is JSON of all that was known, from which it can be made again."""

    model_config = ConfigDict(extra="allow")

    decision_id: str = Field(examples=_ID)
    user_id: str = Field(examples=["ann"])
    served_by: str = Field(examples=["personal"])
    buy_again: list[dict[str, Any]] = Field(examples=[[]])
    discover: list[dict[str, Any]] = Field(examples=[[]])
    insight: str = Field(examples=["{}"])


class Job(Shown):
    """How far a request has come. Pending ones end as expired when nobody answered them in time."""

    job_id: str = Field(examples=_ID)
    kind: str = Field(description="emails, boards, templates, graph or erasures", examples=["emails"])
    status: Literal["pending", "done", "skipped", "failed", "expired"] = Field(examples=["done"])
    user_id: str | None = Field(None, examples=["ann"])
    location: str | None = Field(None, description="where the result is", examples=["/v1/emails/0c9d7be0a1f24e55"])
    result: dict[str, Any] | None = Field(None, description="of what has no place of its own")
    problem: Problem | None = Field(None, description="why it failed or expired")


class Pending(Shown):
    """A request that is being worked on; `Location` says where to ask how far it is."""

    job_id: str = Field(examples=_ID)
    status: Literal["pending"] = Field(examples=["pending"])
