"""Page tokens: where a page ended, bound to the question that it answers."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence

from shared.errors import InvalidInputError

_LARGEST_PAGE = 1000
_LARGEST_PLACE = (1 << 63) - 1  # what an engine's integer holds


def page_bound(page_size: int) -> int:
    """Return how many items a page may have: what was asked for, within 1 to 1000."""
    return min(max(page_size, 1), _LARGEST_PAGE)


def token_for(question: Sequence[object], place: Sequence[int]) -> str:
    """Return the opaque token that continues a question after a place."""
    text = json.dumps([_fingerprint(question), *place], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def place_in(question: Sequence[object], token: str, parts: int) -> tuple[int, ...]:
    """Return the place in a token: so many integers.

    Raises:
        InvalidInputError: the token is none of ours, or belongs to another question.
    """
    try:
        fingerprint, *place = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (ValueError, TypeError, RecursionError):
        raise InvalidInputError("not a page token") from None
    if fingerprint != _fingerprint(question):
        raise InvalidInputError("the page token belongs to another question")
    if len(place) != parts or not all(type(part) is int and abs(part) <= _LARGEST_PLACE for part in place):
        raise InvalidInputError("not a page token")
    return tuple(place)


def _fingerprint(question: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(question, default=str).encode()).hexdigest()[:16]
