"""What is kept of a person besides history and graph, how it is forgotten, and how its makers notice an erasure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from shared.errors import ConflictError, UnavailableError
from shared.history.port import Document, Documents
from shared.objects.port import Objects

ERASURES = "erasures"
CAMPAIGNS, CAMPAIGN_LISTS, CAMPAIGN_OUTCOMES = "campaigns", "campaign-lists", "campaign-outcomes"
EXPORTS = "exports"
MADE = ("decisions", "emails", "email-tallies", "boards", CAMPAIGN_OUTCOMES)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a person's erasure stands: each step of it is another one; none is 0, and not under way."""

    step: int = 0
    under_way: bool = False


def standing(shop: str, user_id: str, documents: Documents) -> Standing:
    """Return where a person's erasure stands.

    Raises:
        UnavailableError: the documents do not answer.
    """
    mark = documents.get(ERASURES, shop, user_id)
    if mark is None:
        return Standing()
    return Standing(mark.version, under_way=int(mark.body.get("finished", 0)) < int(mark.body["before"]))


@contextmanager
def unless_erased(shop: str, user_id: str, documents: Documents, objects: Objects) -> Iterator[None]:
    """Read what is known of a person, make of it and keep it within; what an erasure crossed is forgotten again.

    An erasure takes a step before it deletes what was made, and another when the graph has forgotten: what is kept
    between two equal steps is deleted by the erasure itself, or was made of what remains.

    Raises:
        UnavailableError: an erasure crossed it; making it again uses only what remains.
    """
    before = standing(shop, user_id, documents)
    yield
    if standing(shop, user_id, documents) != before:
        forget_made(shop, user_id, documents, objects)
        raise UnavailableError("the person was erased while something was made for them")


def forget_made(shop: str, user_id: str, documents: Documents, objects: Objects) -> None:
    """Delete what was made for a person.

    Raises:
        UnavailableError: part of it is still there; repeating it deletes the rest.
    """
    for collection in MADE:
        forget_documents(collection, shop, user_id, documents, objects)
    _forget_listed(shop, user_id, documents)
    _forget_exports(shop, documents, objects)


def _forget_exports(shop: str, documents: Documents, objects: Objects) -> None:
    """Delete a shop's exports, also those being written: nobody looks into a file for whether a person stands in it."""
    while found := documents.find(EXPORTS, shop).items:
        for document in found:
            objects.delete(export_folder(shop, document.id))
            documents.delete(EXPORTS, shop, document.id)


def export_folder(shop: str, id: str) -> str:
    """Return where the parts of an export are."""
    return f"exports/{hashlib.sha256(shop.encode()).hexdigest()[:24]}/{id}/"


def _forget_listed(shop: str, user_id: str, documents: Documents) -> None:
    """Take a person out of the lists of campaigns that are not at an end; the others keep their places.

    A campaign at work asks for its members within moments, and knows an erased one then; one that rests does not.
    """
    for held in documents.find(CAMPAIGN_LISTS, shop, page_size=1_000).items:
        users = ["" if each == user_id else each for each in held.body["users"]]
        _change(held, {"users": users}, documents)
    for resting in documents.find(CAMPAIGNS, shop, {"status": "paused"}, page_size=1_000).items:
        asking = [each for each in resting.body["asking"] if each != user_id]
        _change(resting, {**resting.body, "asking": asking}, documents)


def _change(held: Document, body: Mapping[str, Any], documents: Documents) -> None:
    if body == held.body:
        return
    try:
        documents.put(held.collection, held.shop, held.id, body, expect=held.version)
    except ConflictError:
        raise UnavailableError("a campaign changed meanwhile") from None


def forget_documents(collection: str, shop: str, user_id: str, documents: Documents, objects: Objects) -> None:
    """Delete a person's documents of a collection, each after its objects, so that a repetition still finds these.

    Raises:
        UnavailableError: part of it is still there; repeating it deletes the rest.
    """
    while found := documents.find(collection, shop, {"user_id": user_id}).items:
        for document in found:
            for folder in _folders(document):
                objects.delete(folder)
            documents.delete(collection, shop, document.id)


def _folders(document: Document) -> set[str]:
    """Return where a document's objects are: each email and each board has a folder of its own."""
    files = (*document.body.get("files", ()), *document.body.get("pictures", ()))
    return {f"{each['key'].rpartition('/')[0]}/" for each in files}
