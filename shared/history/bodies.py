"""Which documents every engine can keep, and by what they are found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from shared.errors import InvalidInputError


def text_of(body: Mapping[str, Any]) -> str:
    """Return a body as JSON; what any engine could not keep is refused for all.

    Raises:
        InvalidInputError: the body is not JSON, or a field's name holds `$` or `.`.
    """
    _check_names(body)
    try:
        return json.dumps(dict(body), allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise InvalidInputError("a document's values must be JSON") from None


def wanted(where: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the names and texts that documents are to be found by, in order.

    Raises:
        InvalidInputError: there is more in it than plain names and texts.
    """
    for name, value in where.items():
        _check_name(name)
        if not isinstance(value, str):
            raise InvalidInputError("documents are found by texts only")
    return sorted(where.items())


def _check_names(body: Mapping[str, Any]) -> None:
    pending: list[Any] = [body]
    while pending:
        value = pending.pop()
        if isinstance(value, Mapping):
            for name in value:
                _check_name(name)
            pending.extend(value.values())
        elif isinstance(value, list | tuple):
            pending.extend(value)


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name or "$" in name or "." in name:
        raise InvalidInputError("a document's field names must be texts without $ and .")
