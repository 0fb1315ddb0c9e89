"""A shop's template and its values → HTML and text: Jinja2 with little allowed, then MJML. Runs in the child."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, lru_cache
from html import escape
from typing import Any

from inscriptis import get_text
from inscriptis.model.config import ParserConfig
from jinja2 import Template, TemplateSyntaxError, nodes
from mjml import mjml2html

from services.email.environment import MACROS, Sandboxed, built_in, environment, finished, inert
from services.email.sandbox.allowed import FILTERS
from services.email.sandbox.allowed import MACROS as OURS
from services.email.sandbox.errors import TemplateFaultError
from services.email.sandbox.markup import check_rendered, check_source

LARGEST = 512 * 1024  # characters of any part; an email's HTML must stay far below
_NOT_SERVED: tuple[tuple[type[nodes.Node], str], ...] = (
    (nodes.EvalContextModifier, "autoescape cannot be switched off"),
    (nodes.Include, "a template cannot include another"),
    (nodes.Import, "a template cannot import another; the macros are there already"),
    (nodes.FromImport, "a template cannot import another; the macros are there already"),
    (nodes.Extends, "a template cannot extend another"),
)
_HIDDEN = '<div style="display:none;max-height:0;overflow:hidden;opacity:0">{}</div>'


def render(draft: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, str]:
    """Return the subject, preheader, HTML and text that a template makes of an email's values.

    Raises:
        TemplateFaultError: it cannot be rendered, or makes what an email may not hold.
    """
    check_source(draft["mjml"])
    known = {**values, **_macros(values)}
    subject = _line(_filled("subject", draft["subject"], known))
    preheader = _line(_filled("preheader", draft["preheader"], known))
    known |= {"subject": subject, "preheader": preheader}
    mjml = _with_language(_filled("mjml", draft["mjml"], known), values)
    html = _html(mjml, preheader)
    text = _filled("text", draft["text"], known) if draft.get("text") else _as_text(html)
    return {"subject": subject, "preheader": preheader, "html": html, "text": text}


def _filled(part: str, source: str, values: Mapping[str, Any]) -> str:
    """Fill in a part, stopping as soon as it grows too large."""
    try:
        return "".join(_bounded(part, _compiled(part, source).generate(values)))
    except (TemplateFaultError, MemoryError):
        raise
    except RecursionError:
        raise TemplateFaultError(part, "it calls itself without end") from None
    except Exception as error:  # noqa: BLE001 (a template can raise whatever Python can; its author is told what)
        raise TemplateFaultError(part, _said(error), _line_of(error)) from None


def _bounded(part: str, pieces: Iterable[str]) -> Iterator[str]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > LARGEST:
            raise TemplateFaultError(part, f"it grows beyond {LARGEST // 1024} KiB")
        yield piece


@lru_cache(64)
def _compiled(part: str, source: str) -> Template:
    environment = _environment(escaped=part == "mjml")
    try:
        tree = environment.parse(source)
        for kind, why in _NOT_SERVED:
            if found := tree.find(kind):
                raise TemplateFaultError(part, why, found.lineno)
        return environment.from_string(tree)
    except TemplateSyntaxError as error:
        raise TemplateFaultError(part, error.message or "it is not a Jinja2 template", error.lineno) from None
    except RecursionError:
        raise TemplateFaultError(part, "its expressions are nested too deeply") from None


@cache
def _environment(*, escaped: bool) -> Sandboxed:
    limited = environment(escaped=escaped)
    limited.filters = {name: call for name, call in limited.filters.items() if name in FILTERS}
    limited.globals = {"range": limited.globals["range"]}
    return limited


def _macros(values: Mapping[str, Any]) -> Mapping[str, Callable[..., str]]:
    """Return the pieces that every template may use; they are ours, and escape what they are given."""
    module = built_in(escaped=True).get_template(MACROS).make_module(dict(values))
    return {name: getattr(module, name) for name in OURS}


def _with_language(mjml: str, values: Mapping[str, Any]) -> str:
    """Say the language and its direction, unless the template does."""
    found = re.match(r"\s*<mjml([^>]*)>", mjml)
    if not found:
        raise TemplateFaultError("mjml", "it must begin with <mjml>", 1)
    missing = [name for name in ("lang", "dir") if not re.search(rf"\s{name}\s*=", found[1])]
    told = {"lang": values["language"], "dir": values["direction"]}
    added = "".join(f' {name}="{escape(told[name])}"' for name in missing)
    return f"<mjml{found[1]}{added}>{mjml[found.end() :]}"


def _html(mjml: str, preheader: str) -> str:
    check_rendered(mjml)
    try:
        html: str = mjml2html(mjml, fonts={})
    except ValueError as error:
        raise TemplateFaultError("mjml", f"it is not MJML: {error}") from None
    if len(html) > LARGEST:
        raise TemplateFaultError("mjml", f"its HTML grows beyond {LARGEST // 1024} KiB")
    html = finished(html, calm=re.search(r"<mj-body[^>]*css-class=\"page", mjml) is not None)
    if "<mj-preview" in mjml:
        return html
    head, body, rest = html.partition("<body")
    opening, end, content = rest.partition(">")
    return f"{head}{body}{opening}{end}{_HIDDEN.format(inert(preheader))}{content}"


def _as_text(html: str) -> str:
    lines = [line.rstrip() for line in get_text(html, ParserConfig(display_links=True)).splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def _line(text: str) -> str:
    return " ".join(text.split())


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]


def _line_of(error: BaseException) -> int | None:
    """Return the template's line that an error came from; Jinja2 puts its own frames in the trace."""
    trace, line = error.__traceback__, None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
