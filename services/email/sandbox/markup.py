"""The MJML that a shop's template may hold: known tags, properly closed, not nested deeply, no links but to the web."""

from __future__ import annotations

import re
from html import unescape

from services.email.sandbox.allowed import BANNED, HTML, MJML
from services.email.sandbox.errors import TemplateFaultError

DEEPEST = 100  # mrml runs out of stack far beyond that (2,000 mj-wrapper, 10,000 <b>)
_VOID = frozenset({"br", "hr", "img", "wbr"})
_TAG = re.compile(r"<(/?)([A-Za-z][^\s/>]*)((?:\"[^\"]*\"|'[^']*'|[^>\"'])*)>")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_SCHEME = re.compile(
    r"\b(?:href|src|background|action|formaction|background-url)\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s>]*)", re.IGNORECASE
)
_WEB = re.compile(r"(?:https?://|mailto:|tel:)", re.IGNORECASE)
_STYLED = re.compile(r"expression\s*\(|@import|javascript:|behavior\s*:|-moz-binding", re.IGNORECASE)


def check_source(source: str) -> None:
    """Look at a template before it is rendered: its lines are the author's own.

    Raises:
        TemplateFaultError: it holds a tag that it may not.
    """
    text = _COMMENT.sub(_blank, _JINJA.sub(_blank, source))
    for match in _TAG.finditer(text):
        _check_name(match[2].lower(), _line(text, match.start()))


def check_rendered(mjml: str) -> None:
    """Look at what a template was rendered to, before it meets mrml.

    Raises:
        TemplateFaultError: an unknown or banned tag, a tag not closed, too many within each other, a link elsewhere.
    """
    text = _COMMENT.sub(_blank, mjml)
    opened: list[tuple[str, int]] = []
    for match in _TAG.finditer(text):
        closing, name, rest = match[1], match[2].lower(), match[3]
        line = _line(text, match.start())
        _check_name(name, line)
        if closing:
            _close(name, opened, line)
            continue
        _check_attributes(name, rest, line)
        if name not in _VOID and not rest.endswith("/"):
            opened.append((name, line))
            if len(opened) > DEEPEST:
                raise TemplateFaultError("mjml", f"more than {DEEPEST} tags stand within each other", line)
    if opened:
        raise TemplateFaultError("mjml", f"<{opened[-1][0]}> is never closed", opened[-1][1])


def _check_name(name: str, line: int) -> None:
    if name in BANNED:
        raise TemplateFaultError("mjml", f"<{name}> may not stand in a shop's template", line)
    if name not in MJML and name not in HTML:
        raise TemplateFaultError("mjml", f"<{name[:40]}> is not a tag that an email may hold", line)


def _close(name: str, opened: list[tuple[str, int]], line: int) -> None:
    if name in _VOID:
        return
    if not opened or opened[-1][0] != name:
        stands = f"<{opened[-1][0]}> of line {opened[-1][1]} is open" if opened else "nothing is open"
        raise TemplateFaultError("mjml", f"</{name}> closes what is not open: {stands}", line)
    opened.pop()


def _check_attributes(name: str, rest: str, line: int) -> None:
    if re.search(r"[\s\"'/]on[a-z]+\s*=", rest, re.IGNORECASE):
        raise TemplateFaultError("mjml", f"<{name}> may hold no script", line)
    for found in _SCHEME.finditer(rest):
        url = re.sub(r"[\x00-\x20]", "", unescape(found[1].strip("\"'")))
        if url and not _WEB.match(url):
            raise TemplateFaultError("mjml", f"a link of <{name}> must be an absolute https URL", line)
    if _STYLED.search(unescape(rest)):
        raise TemplateFaultError("mjml", f"<{name}> holds a style that runs or fetches something", line)


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _blank(match: re.Match[str]) -> str:
    """Put nothing in its place, but keep the lines counted."""
    return "\n" * match[0].count("\n")
