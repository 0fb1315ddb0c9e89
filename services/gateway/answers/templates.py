"""Shops' email templates as the gateway shows them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from services.gateway.answers.users import Page
from shared.web.contract import Shown

_MJML = "<mjml><mj-body>{{ cards(products) }}{{ footer() }}</mj-body></mjml>"


class Head(Shown):
    """A template at a glance."""

    name: str = Field(examples=["spring"])
    built_in: bool = Field(description="comes with the service, and cannot be overwritten")
    latest: int = Field(description="the newest version", examples=[2])
    published: int | None = Field(description="the version that its name alone means", examples=[1])


class Heads(Page):
    """Templates; the built-in ones stand on the first page."""

    items: list[Head]


class Facts(Shown):
    """A version, but for its content."""

    version: int = Field(examples=[1])
    status: Literal["draft", "published"] = Field(examples=["published"])
    subject: str | None = Field(None, examples=["Spring is here"])
    preheader: str | None = Field(None, examples=["Fresh things, close to your taste"])
    created_at: int | None = Field(None, description="ms")
    published_at: int | None = Field(None, description="ms; none: a draft")


class Versions(Page, Head):
    """A template and its versions, newest first."""

    items: list[Facts]


class Version(Facts):
    """A version with its content."""

    name: str = Field(examples=["spring"])
    mjml: str = Field(examples=[_MJML])
    text: str | None = Field(None, description="none: made from the HTML", examples=[None])
