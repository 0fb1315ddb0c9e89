"""Pages: opaque tokens for lists that are continued behind an item, and the link to what follows."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from flask import request

from services.gateway.questions import Paging
from shared.errors import InvalidInputError, Violation
from shared.web.contract import query_of

_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def size(asked: Paging, most: int) -> int:
    """Return how many items a page gets."""
    return min(asked.page_size, most)


def paged(most: int) -> dict[str, Any]:
    """Return which page a list's query asks for, as stores take it: its token, and how many items, at most `most`."""
    query = query_of(Paging)
    return {"page_token": query.page_token, "page_size": size(query, most)}


def token_after(question: str, place: str | int) -> str:
    """Return the token that continues a question behind a place."""
    text = json.dumps([question, place], ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def place_of(question: str, token: str, default: Any) -> Any:
    """Return the place that a token continues behind; it is of the default's type.

    Raises:
        InvalidInputError: the token is none of ours, or belongs to another question.
    """
    if not token:
        return default
    try:
        if not set(token) <= _ALPHABET:
            raise ValueError  # noqa: TRY301 (one answer to all that is no token)
        asked, place = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (ValueError, TypeError, RecursionError):
        raise _foreign() from None
    if asked != question or type(place) is not type(default):
        raise _foreign()
    return place


def question_of(*parts: object) -> str:
    """Return a question's name in tokens: short, however long its parts."""
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:16]


def sliced(items: Sequence[Any], question: str, token: str, most: int) -> tuple[Sequence[Any], str]:
    """Return a page of a list that is all at hand, and the token of the next one (empty: that was all).

    Raises:
        InvalidInputError: as for `place_of`.
    """
    start = place_of(question, token, 0)
    end = start + most
    return items[start:end], token_after(question, end) if len(items) > end else ""


def page(items: Sequence[Any], token: str, **more: Any) -> tuple[Mapping[str, Any], int, Mapping[str, str]]:
    """Return a page of a list as an answer, with a link to the next one if there is one."""
    following = {**request.args.to_dict(), "page_token": token}
    link = {"Link": f'<{_path()}?{urlencode(following)}>; rel="next"'} if token else {}
    return {**more, "items": list(items), "next_page_token": token}, 200, link


def _path() -> str:
    """Return the path as it was sent, for an id in it may hold an encoded slash."""
    sent = str(request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or request.path)
    return quote(sent.partition("?")[0], safe="/%:@!$&'()*+,;=~-._")


def _foreign() -> InvalidInputError:
    return InvalidInputError("not a page token of this list", [Violation("/page_token", "belongs to no page of this")])
