"""Plan → HTML and plain text: Jinja2 (sandboxed, strict, escaping) and then MJML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mjml import mjml2html

from services.email.environment import built_in, finished
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
    known = values(plan)
    html = mjml2html(mjml(known), fonts={})
    text = built_in(escaped=False).get_template("email.txt.j2").render(known)
    return Rendered(finished(html, calm=True), text)


def mjml(known: dict[str, Any]) -> str:
    """Return the MJML of the built-in templates."""
    return built_in(escaped=True).get_template("email.mjml.j2").render(known)


def values(plan: Plan) -> dict[str, Any]:
    """Return what a template may use, as plain JSON (documented in docs/templates.md)."""
    products = [dict(vars(card)) for each in plan.sections for card in each.cards]
    sections = [{"title": each.title, "products": [dict(vars(card)) for card in each.cards]} for each in plan.sections]
    return {
        "language": plan.language,
        "direction": plan.direction,
        "subject": plan.subject,
        "preheader": plan.preheader,
        "headline": plan.headline,
        "lead": plan.lead,
        "sections": sections,
        "products": products,
        "buy_again": [product for product in products if product["slate"] == "buy_again"],
        "discover": [product for product in products if product["slate"] == "discover"],
        "action": plan.action,
        "action_url": plan.action_url,
        "why": plan.why,
        "unsubscribe": plan.unsubscribe,
        "unsubscribe_url": plan.reader.unsubscribe_url,
        "user": {"first_name": plan.reader.first_name},
        "shop": {
            "name": plan.sender.name,
            "site_url": plan.action_url,
            "postal_address": plan.sender.postal_address,
        },
    }
