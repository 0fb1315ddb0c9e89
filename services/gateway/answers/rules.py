"""Business rules as the gateway shows them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from services.gateway.answers.users import Page
from shared.web.contract import Shown


class Rule(Shown):
    """A rule: what it does with products of which all holds that it gives, and from when to when."""

    rule_id: str = Field(examples=["0c9d7be0a1f24e55b6d7c8e9"])
    action: Literal["boost", "pin", "exclude"] = Field(examples=["boost"])
    product_id: str | None = Field(examples=[None])
    category: list[str] = Field(description="from broad to narrow; empty: any", examples=[["Grocery", "Dairy"]])
    price_from: str | None = Field(examples=[None])
    price_to: str | None = Field(examples=["4.99"])
    currency: str | None = Field(examples=["EUR"])
    factor: float = Field(description="of a boost", examples=[2.0])
    starts_at: str | None = Field(examples=["2026-05-03T10:00:00+00:00"])
    ends_at: str | None = Field(examples=[None])
    note: str | None = Field(examples=["summer of cheese"])


class Rules(Page):
    """The shop's rules, in the order made."""

    items: list[Rule]
