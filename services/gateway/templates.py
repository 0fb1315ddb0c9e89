"""The shelf of a shop's templates: a head per name, a document per version; content never changes, status does once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.clock import Clock, to_ms
from shared.contracts.templates import (
    BUILT_IN,
    HEADS,
    VERSIONS,
    Draft,
    Template,
    TemplateStatus,
    parse_reference,
    version_id,
)
from shared.errors import ConflictError, NotFoundError
from shared.history.port import Document, Documents
from shared.logs import logger

_ATTEMPTS = 20  # of writers who want the same next version
_log = logger("gateway")


class Shelf:
    """Keeps templates. Safe among processes: every write names the version that it replaces."""

    def __init__(self, documents: Documents, clock: Clock) -> None:
        self._documents, self._clock = documents, clock

    def heads(self, shop: str, page_token: str, page_size: int) -> tuple[list[dict[str, Any]], str]:
        """Return a page of templates, and the token of the next; the built-in ones stand on the first."""
        page = self._documents.find(HEADS, shop, page_token=page_token, page_size=page_size)
        own = [_head(each.id, each.body) for each in page.items]
        ours = [] if page_token else [_head(name, {}) for name in BUILT_IN]
        return [*ours, *own], page.next_token

    def head(self, shop: str, name: str) -> dict[str, Any]:
        """Return a template at a glance.

        Raises:
            NotFoundError: the shop has none of that name.
        """
        if name in BUILT_IN:
            return _head(name, {})
        head = self._head(shop, name)
        if head is None:
            raise NotFoundError("there is no such template")
        return _head(name, head.body)

    def versions(self, shop: str, name: str, page_token: str, page_size: int) -> tuple[list[dict[str, Any]], str]:
        """Return a page of a template's versions, newest first, without their content; and the token of the next."""
        if name in BUILT_IN:
            return [{"version": 1, "status": TemplateStatus.PUBLISHED}], ""
        page = self._documents.find(VERSIONS, shop, {"name": name}, page_token=page_token, page_size=page_size)
        facts = ("version", "status", "subject", "preheader", "created_at", "published_at")
        versions = [{fact: each.body.get(fact) for fact in facts} for each in page.items]
        return sorted(versions, key=lambda each: -int(each["version"] or 0)), page.next_token

    def version(self, shop: str, name: str, version: int) -> Template:
        """Return a version of the shop's own.

        Raises:
            NotFoundError: there is none.
        """
        found = self._documents.get(VERSIONS, shop, version_id(name, version))
        if found is None:
            raise NotFoundError("there is no such version")
        return Template.model_validate(found.body)

    def known(self, shop: str, name: str, version: int) -> None:
        """See that a version exists, be it built in.

        Raises:
            NotFoundError: it does not.
        """
        if not (name in BUILT_IN and version == 1):
            self.version(shop, name, version)

    def refuse_built_in(self, name: str) -> None:
        """See that a name is one that a shop may write under.

        Raises:
            InvalidInputError: it is no name.
            ConflictError: a built-in template has it.
        """
        if name in BUILT_IN:
            raise ConflictError(f"{name} is built in; give yours another name")
        parse_reference(name)

    def add(self, shop: str, name: str, draft: Draft, request_id: str) -> Template:
        """Keep a draft as the next version; the same request again returns the version that it made.

        Raises:
            ConflictError: too many others write at the same time.
        """
        made = self._documents.find(VERSIONS, shop, {"request_id": request_id}, page_size=1).items
        if made:
            return Template.model_validate(made[0].body)
        head = self._head(shop, name)
        latest = int(head.body["latest"]) if head else 0
        for version in range(latest + 1, latest + _ATTEMPTS):
            template = Template(
                **draft.model_dump(),
                name=name,
                version=version,
                status=TemplateStatus.DRAFT,
                request_id=request_id,
                created_at=to_ms(self._clock.now()),
            )
            try:
                self._documents.put(VERSIONS, shop, template.id, template.model_dump(mode="json"), expect=0)
            except ConflictError:
                continue  # another writer has it, or one that ended before it could say so in the head
            self._raise(shop, name, "latest", version)
            return template
        raise ConflictError("others write versions of this template just now; try again")

    def publish(self, shop: str, name: str, version: int) -> Template:
        """Let emails be made with a version; again, it changes nothing.

        Raises:
            NotFoundError: there is no such version.
        """
        template = self.version(shop, name, version)
        if template.status is TemplateStatus.DRAFT:
            told = {"status": TemplateStatus.PUBLISHED, "published_at": to_ms(self._clock.now())}
            template = template.model_copy(update=told)
            self._documents.put(VERSIONS, shop, template.id, template.model_dump(mode="json"))
            _log.info("template.published", template=template.id)
        self._raise(shop, name, "published", version)
        return template

    def _raise(self, shop: str, name: str, field: str, version: int) -> None:
        """Raise a number in the head; it never falls."""
        for _ in range(_ATTEMPTS):
            head = self._head(shop, name)
            body = dict(head.body) if head else {"latest": 0, "published": 0}
            if body[field] >= version:
                return
            try:
                self._documents.put(HEADS, shop, name, {**body, field: version}, expect=head.version if head else 0)
            except ConflictError:
                continue
            return
        raise ConflictError("others write this template just now; try again")

    def _head(self, shop: str, name: str) -> Document | None:
        return self._documents.get(HEADS, shop, name)


def _head(name: str, body: Mapping[str, Any]) -> dict[str, Any]:
    built_in = not body
    latest, published = (1, 1) if built_in else (int(body["latest"]), int(body["published"]))
    return {"name": name, "built_in": built_in, "latest": latest, "published": published or None}
