"""The Jinja2 that every template meets: sandboxed, strict; and what the page needs around what MJML makes."""

from __future__ import annotations

import re
from collections.abc import Sized
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import BaseLoader, PackageLoader, StrictUndefined
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

MACROS = "macros.mjml.j2"
_LONGEST, _LARGEST_POWER = 512 * 1024, 64
_BRACES = re.compile(r"\{\{|\}\}|\{%|%\}")


class Sandboxed(ImmutableSandboxedEnvironment):
    """Jinja2's immutable sandbox, which would also multiply a text by a billion; that is stopped before it is tried."""

    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Return the product or power of two values.

        Raises:
            OverflowError: it would be large beyond use.
        """
        sizes = [len(side) if isinstance(side, Sized) else abs(side) for side in (left, right)]
        if operator == "**" and sizes[1] > _LARGEST_POWER:
            raise OverflowError(f"a power beyond {_LARGEST_POWER}")
        if any(isinstance(side, Sized) for side in (left, right)) and sizes[0] * sizes[1] > _LONGEST:
            raise OverflowError(f"a text or list longer than {_LONGEST}")
        return super().call_binop(context, operator, left, right)


def environment(*, escaped: bool, loader: BaseLoader | None = None) -> Sandboxed:
    """Return an environment; braces in escaped values become entities, so that what is left over is told from them."""
    return Sandboxed(
        loader=loader,
        undefined=StrictUndefined,
        autoescape=escaped,
        finalize=_finalized if escaped else None,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def built_in(*, escaped: bool) -> Sandboxed:
    """Return the environment of the service's own templates."""
    return environment(escaped=escaped, loader=PackageLoader("services.email"))


def finished(html: str, *, calm: bool) -> str:
    """Say in the head what dark mode may do: with our classes on the page it is calm in the dark, else it stays light.

    Other people's colours, inverted by a mail program, are anybody's guess.
    """
    schemes = "light dark" if calm else "light only"
    head = f'<meta name="color-scheme" content="{schemes}"><meta name="supported-color-schemes" content="{schemes}">'
    return html.replace("</head>", f"{head}{_dark() if calm else ''}</head>", 1)


@cache
def _dark() -> str:
    css = (files("services.email") / "templates" / "dark.css").read_text(encoding="utf-8")
    return f"<style>{' '.join(css.split())}</style>"


def inert(text: str) -> Markup:
    """Return a text escaped for HTML, its braces too."""
    return Markup(str(escape(text)).replace("{", "&#123;").replace("}", "&#125;"))  # noqa: S704 (escaped just here)


def _finalized(value: Any) -> Any:
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    braced = "{" in value or "}" in value  # asked eighty times an email, in a third of the time that the search takes
    return inert(value) if braced and _BRACES.search(value) else value
