"""Which keys an object may have: one rule for every engine."""

from __future__ import annotations

import re

from shared.errors import InvalidInputError

# Segments never begin with a dot: files keep media types beside the objects under such names.
_KEY = re.compile(r"[a-z0-9_@-][a-z0-9_@.-]{0,199}(/[a-z0-9_@-][a-z0-9_@.-]{0,199})*")
_PREFIX = re.compile(rf"{_KEY.pattern}/?")
_LONGEST = 900


def checked_key(key: str) -> str:
    """Return the key.

    Raises:
        InvalidInputError: it is not `[a-z0-9_@.-]` between slashes, or too long.
    """
    if len(key) > _LONGEST or not _KEY.fullmatch(key):
        raise InvalidInputError("not an object key")
    return key


def checked_prefix(prefix: str) -> str:
    """Return the prefix, which is never empty.

    Raises:
        InvalidInputError: no key of ours begins like this.
    """
    if not _PREFIX.fullmatch(prefix):
        raise InvalidInputError("not a prefix of object keys")
    return prefix
