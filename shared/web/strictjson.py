"""JSON without its traps: no NaN, no repeated names, no lone surrogates, nothing too deep, too long or too large."""

from __future__ import annotations

import json
import re
from typing import Any

from shared.errors import InvalidInputError

LONGEST = 4096  # characters of a text, unless a route says otherwise
_DEPTH, _DIGITS = 32, 40
_HALF = re.compile(r"[\ud800-\udfff]")  # half a character; a text in UTF-8 has none, unless it is escaped
_REFUSED = re.compile(r"[\0\ud800-\udfff]")


def loads(data: bytes | str, longest: int = LONGEST) -> Any:
    """Return what a JSON text says; no text in it is longer than `longest` characters.

    Raises:
        InvalidInputError: it is not JSON in UTF-8, or holds what no honest client sends.
    """
    try:
        text = data if isinstance(data, str) else data.decode()  # json itself would also guess UTF-16 and UTF-32
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_int=_integer,
            parse_float=_number,
        )
    except RecursionError:
        raise InvalidInputError("the JSON is nested too deeply") from None
    except UnicodeDecodeError:
        raise InvalidInputError("the body is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise InvalidInputError(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    _check(value, longest, odd="\\u" in text or _HALF.search(text) is not None)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise InvalidInputError("an object gives a name twice")
    return names


def _constant(name: str) -> Any:
    raise InvalidInputError(f"{name} is not a JSON number")


def _integer(digits: str) -> int:
    if len(digits) > _DIGITS:
        raise InvalidInputError("a number has too many digits")
    return int(digits)


def _number(digits: str) -> float:
    value = float(digits) if len(digits) <= _DIGITS else float("inf")
    if value in (float("inf"), float("-inf")):
        raise InvalidInputError("a number is out of range or has too many digits")
    return value


def _check(value: Any, longest: int, *, odd: bool) -> None:
    """Go through a value level by level; only the texts of an `odd` body can hold what is refused in them."""
    level = [value]
    for _ in range(_DEPTH + 1):
        inner: list[Any] = []
        for item in level:
            kind = type(item)
            if kind is str:
                _check_text(item, longest, odd=odd)
            elif kind is list:
                inner.extend(item)
            elif kind is dict:
                for name in item:
                    _check_text(name, LONGEST, odd=odd)
                inner.extend(item.values())
        if not inner:
            return
        level = inner
    raise InvalidInputError("the JSON is nested too deeply")


def _check_text(text: str, longest: int, *, odd: bool) -> None:
    if len(text) > longest:
        raise InvalidInputError(f"a text is longer than {longest} characters")
    if odd and _REFUSED.search(text):
        raise InvalidInputError("a text holds NUL or half a character")
