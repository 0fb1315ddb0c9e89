"""Exports as the gateway shows them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from services.gateway.answers.users import Page
from services.gateway.exports import Format, What
from shared.web.contract import Shown

_AT = ["2026-05-03T10:00:00+00:00"]


class Export(Shown):
    """An export and how far it has come."""

    id: str = Field(examples=["0c9d7be0a1f24e55b6d7c8e9"])
    what: What = Field(examples=["recommendations"])
    format: Format = Field(examples=["csv"])
    status: Literal["pending", "running", "done", "failed"] = Field(examples=["done"])
    rows: int | None = Field(description="once it is done", examples=[2400])
    bytes: int = Field(description="once it is done", examples=[310_000])
    problem: str | None = Field(description="unavailable: ask again later; internal: our fault", examples=[None])
    created_at: str | None = Field(examples=_AT)
    finished_at: str | None = Field(examples=_AT)
    kept_until: str | None = Field(description="then it is removed; an erasure removes it at once", examples=_AT)
    file: str | None = Field(
        description="where the file is, once it is done", examples=["/v1/exports/0c9d7be0a1f2/file"]
    )


class Exports(Page):
    """The shop's exports, last changed first."""

    items: list[Export]
