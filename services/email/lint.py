"""What must be right before an email leaves: size, links, alt texts, the way out, no template left over."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import urlsplit

from services.email.render import Rendered
from shared.errors import Violation

_LARGEST = 80 * 1024  # Gmail clips at 102 KB
_LEFTOVER = re.compile(r"\{\{|\}\}|\{%|StrictUndefined")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Violation] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "script":
            self.found.append(Violation("/html", "must not hold scripts"))
        if tag == "img" and not given.get("alt"):
            self.found.append(Violation("/html", "every picture needs an alt text"))
        for name in ("href", "src"):
            if (url := given.get(name)) and tag != "link" and not _good(url):
                self.found.append(Violation("/html", f"{name} must be an absolute http(s) URL"))


def lint(rendered: Rendered, unsubscribe_url: str) -> list[Violation]:
    """Return what is wrong with an email; nothing when it may leave."""
    reader = _Reader()
    reader.feed(rendered.html)
    found = reader.found
    if len(rendered.html.encode()) > _LARGEST:
        found.append(Violation("/html", f"must be under {_LARGEST // 1024} KB"))
    for part, body in (("/html", rendered.html), ("/text", rendered.text)):
        if _LEFTOVER.search(body):
            found.append(Violation(part, "a placeholder was left over"))
        if unsubscribe_url not in body:
            found.append(Violation(part, "the unsubscribe link is missing"))
    return found


def _good(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"https", "mailto"} or (parts.scheme == "http" and bool(parts.hostname))
