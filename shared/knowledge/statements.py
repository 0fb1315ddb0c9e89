"""Named Cypher statements, shared by every graph engine: `-- name: description` opens each in a .cypher file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files

_HEADER = re.compile(r"^-- (?P<name>[a-z_]+): (?P<description>.+)$", re.MULTILINE)


@cache
def statements() -> Mapping[str, str]:
    """Return every statement of this package's .cypher files, by name.

    Raises:
        ValueError: two statements share a name.
    """
    found: dict[str, str] = {}
    for file in sorted(files("shared.knowledge").iterdir(), key=lambda file: file.name):
        for name, text in parse(file.read_text("utf-8")) if file.name.endswith(".cypher") else ():
            if name in found:
                raise ValueError(f"two statements are called {name}")
            found[name] = text
    return found


def parse(text: str) -> Iterator[tuple[str, str]]:
    """Yield each statement's name and its Cypher, without trailing semicolon."""
    headers = list(_HEADER.finditer(text))
    ends = [header.start() for header in headers[1:]] + [len(text)]
    for header, end in zip(headers, ends, strict=True):
        yield header["name"], text[header.end() : end].strip().removesuffix(";")
