"""What must be right before an email leaves: size, links, alt texts, the way out, no scripts, nothing left over."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from lxml import etree

from services.email.links import allowed
from services.email.render import Rendered
from shared.errors import Violation

_LARGEST = 80 * 1024  # Gmail clips at 102 KB
_STYLES = 16 * 1024  # Gmail drops the rest of <style>
_LEFTOVER = re.compile(r"\{\{|\}\}|\{%|%\}|StrictUndefined")
_BRACES = ("&#123;&#123;", "&#125;&#125;", "&#123;%", "%&#125;")  # as a value's own stand in the HTML
_ACTIVE = frozenset(
    {"applet", "base", "embed", "form", "frame", "frameset", "iframe", "input", "object", "script", "svg"}
)
_JUDGED = _ACTIVE | {"meta", "style", "img"}  # what there is to say something of, beside attributes
_LINKS = ("href", "src", "background", "action", "formaction", "poster", "srcset", "data", "xlink:href")
_FETCHING = re.compile(r"@import|expression\s*\(|javascript:|url\(\s*['\"]?\s*(?!https:)", re.IGNORECASE)


def lint(rendered: Rendered, unsubscribe_url: str, public_url: str) -> list[Violation]:
    """Return what is wrong with an email; nothing when it may leave. Plain http may lead to this machine only."""
    found = [Violation("/html", detail) for detail in dict.fromkeys(_in_html(rendered.html, public_url))]
    braces_are_said = any(entity in rendered.html for entity in _BRACES)
    if _LEFTOVER.search(rendered.html):
        found.append(Violation("/html", "a placeholder was left over"))
    if _LEFTOVER.search(rendered.text) and not braces_are_said:
        found.append(Violation("/text", "a placeholder was left over"))
    for part, body in (("/html", rendered.html), ("/text", rendered.text)):
        if unsubscribe_url not in body:
            found.append(Violation(part, "the unsubscribe link is missing"))
    return found


def _in_html(text: str, public_url: str) -> Iterator[str]:
    if len(text.encode()) > _LARGEST:
        yield f"must be under {_LARGEST // 1024} KB"
    root = _parsed(text)
    if root is None:
        yield "is not HTML"
        return
    for element in root.iter(etree.Element):
        if element.tag in _JUDGED:
            yield from _in_element(element)
        yield from _in_attributes(element.items(), public_url)
    if sum(len(style.text or "") for style in root.iter("style")) > _STYLES:
        yield f"styles must be under {_STYLES // 1024} KB"


def _parsed(text: str) -> etree._Element | None:
    """Return a document's root; bare elements, for those of `lxml.html` cost a call in Python each."""
    try:
        return etree.HTML(text)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return None


def _in_element(element: etree._Element) -> Iterator[str]:
    tag = element.tag
    if tag in _ACTIVE or (tag == "meta" and element.get("http-equiv", "").lower() == "refresh"):
        yield "must not hold scripts, forms or frames"
    elif tag == "style" and _FETCHING.search(element.text or ""):
        yield "a style may not fetch or run anything"
    elif tag == "img" and not (element.get("alt") or "").strip():
        yield "every picture needs an alt text"


def _in_attributes(given: Iterable[tuple[str, str]], public_url: str) -> Iterator[str]:
    for name, value in given:
        if name in _LINKS and value and not _good(value, public_url):
            yield f"{name} must be an absolute https URL"
        elif name == "style" and "(" in value and _FETCHING.search(value):
            yield "a style may not fetch or run anything"
        elif name.startswith("on"):
            yield "must not hold scripts, forms or frames"


@lru_cache(4096)
def _good(url: str, public_url: str) -> bool:
    return url.startswith(("mailto:", "tel:")) or allowed(url, public_url)
