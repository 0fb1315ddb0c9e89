"""Shops' own email templates: versioned documents that the gateway writes and the email service renders."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from shared.contracts.values import Id, Model, Text
from shared.errors import InvalidInputError, Violation

BUILT_IN = ("personalised", "buy-again", "discover", "generic")  # of version 1 always; no shop may overwrite them
HEADS = "templates"  # documents by name: the latest version, and the newest published one (0: none)
VERSIONS = "template-versions"  # documents by `name@version`
LONGEST = 256 * 1024  # characters of a template's body
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_VERSION = re.compile(r"[1-9][0-9]{0,5}")

Body = Annotated[str, Field(min_length=1, max_length=LONGEST)]


class Draft(Model):
    """What a marketer writes: MJML and Jinja2, with a subject and a preheader that are Jinja2 as well."""

    subject: Text
    preheader: Text
    mjml: Body
    text: Body | None = None  # none: made from the HTML


class TemplateStatus(StrEnum):
    """Whether emails may be made with a version."""

    DRAFT = "draft"
    PUBLISHED = "published"


class Template(Draft):
    """One version of a shop's template. Its content never changes; its status does, once."""

    name: str
    version: int
    status: TemplateStatus
    request_id: Id  # what it was made by: asked twice, made once
    created_at: int  # ms
    published_at: int | None = None

    @property
    def id(self) -> str:
        """The id of its document, and how a request names it."""
        return version_id(self.name, self.version)


def version_id(name: str, version: int) -> str:
    """Return how a version is named."""
    return f"{name}@{version}"


def parse_reference(reference: str) -> tuple[str, int | None]:
    """Return the name and the version that `name` or `name@version` means; no version means the newest published.

    Raises:
        InvalidInputError: it is neither.
    """
    name, at, version = reference.partition("@")
    if not _NAME.fullmatch(name) or (at and not _VERSION.fullmatch(version)):
        detail = "must be name or name@version; a name is lower-case letters, digits and -, 63 at most"
        raise InvalidInputError(f"template {detail}", [Violation("/template", detail)])
    return name, int(version) if at else None
