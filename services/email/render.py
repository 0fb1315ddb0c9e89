"""Plan → HTML and plain text: Jinja2 (sandboxed, strict, escaping) and then MJML."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from jinja2 import PackageLoader, StrictUndefined, Template
from jinja2.sandbox import ImmutableSandboxedEnvironment
from mjml import mjml2html

from services.email.model import Plan


@dataclass(frozen=True)
class Rendered:
    """An email's two bodies."""

    html: str
    text: str


def render(plan: Plan) -> Rendered:
    """Return both bodies; the same plan gives the same bytes.

    Raises:
        jinja2.TemplateError: the template asks for what the plan does not have.
        ValueError: the MJML cannot be parsed.
    """
    html = mjml2html(_template("email.mjml.j2").render(plan=plan))
    return Rendered(html, _template("email.txt.j2").render(plan=plan))


@cache
def _template(name: str) -> Template:
    environment = ImmutableSandboxedEnvironment(
        loader=PackageLoader("services.email"),
        undefined=StrictUndefined,
        autoescape=lambda template: bool(template and ".mjml" in template),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)
