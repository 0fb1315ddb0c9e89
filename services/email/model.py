"""What an email says and to whom: a pure plan from an insight, or a reason to stay silent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from babel.core import UnknownLocaleError
from babel.numbers import format_currency

from shared.errors import NotFoundError
from shared.knowledge.insight import Insight
from shared.knowledge.reasons import display_name
from shared.knowledge.recommend import Item, Recommendation

BUILT_IN = ("personalised", "buy-again", "discover", "generic")
_CARDS = 6
# Quiet grounds for products without a picture, with ink of contrast 4.5:1 or more on each.
_TINTS = (
    ("#e7efe4", "#2f4a33"),
    ("#f6e9dc", "#6b3f1d"),
    ("#e6edf5", "#27425f"),
    ("#f3e4e6", "#6d2b38"),
    ("#efe9f5", "#4a3566"),
)


@dataclass(frozen=True)
class Sender:
    """How a shop signs its emails."""

    name: str = "Your shop"
    from_address: str = "hello@shop.example"
    postal_address: str = "1 Market Street, Springfield"
    site_url: str = "https://shop.example"

    @classmethod
    def of(cls, shop: str, body: Mapping[str, Any] | None) -> Sender:
        """Return a shop's profile; what it does not say has a plain default."""
        given = {name: str(value) for name, value in (body or {}).items() if name in cls.__annotations__ and value}
        return cls(**{"name": display_name(shop.replace("-", " ").upper()), **given})


@dataclass(frozen=True)
class Card:
    """One product as the reader sees it."""

    name: str
    reason: str
    price: str
    url: str
    image_url: str
    monogram: str
    ground: str
    ink: str
    shelf: str


@dataclass(frozen=True)
class Section:
    """A titled run of cards."""

    title: str
    cards: tuple[Card, ...]


@dataclass(frozen=True)
class Plan:
    """Everything that a template may say."""

    template: str
    language: str
    subject: str
    preheader: str
    headline: str
    lead: str
    sections: tuple[Section, ...]
    action: str
    action_url: str
    why: str
    sender: Sender
    unsubscribe_url: str
    items: tuple[Item, ...]
    fallback: str | None
    fallback_reason: str | None = None


@dataclass(frozen=True)
class Silence:
    """No email, and why: a word for machines, a sentence for people."""

    reason: str
    detail: str


def silence(insight: Insight, recommendation: Recommendation, *, suppressed: bool) -> Silence | None:
    """Return why this person gets no email, if there is a reason."""
    if suppressed:
        return Silence("suppressed", "the user has unsubscribed, or is suppressed")
    if insight.consent is False:
        return Silence("no-consent", "the user did not agree to marketing")
    if recommendation.served_by == "nothing":
        return Silence("nothing-to-say", "the shop has no products to speak of yet")
    return None


def plan(
    insight: Insight,
    recommendation: Recommendation,
    sender: Sender,
    unsubscribe_url: str,
    *,
    template: str | None = None,
    first_name: str | None = None,
) -> Plan:
    """Return the plan of an email. A template that needs what is not known falls back to the generic one, and says so.

    Raises:
        NotFoundError: no template has that name.
    """
    if template is not None and template not in BUILT_IN:
        raise NotFoundError(f"there is no template {template}; there are {', '.join(BUILT_IN)}")
    chosen = _choose(template, recommendation)
    again, new = recommendation.buy_again[:_CARDS], recommendation.discover[:_CARDS]
    shown = {"personalised": (again[:4], new[:4]), "buy-again": (again, ()), "discover": ((), new)}
    first, second = shown.get(chosen, ((), new))
    language = (insight.locale or "en").replace("-", "_")
    words = _words(chosen, recommendation, first_name, sender, first or second)
    return Plan(
        template=chosen,
        language=language.split("_")[0],
        **words,
        sections=_sections(chosen, first, second, language, sender),
        action=f"Visit {sender.name}",
        action_url=sender.site_url,
        why=f"You get this because you are a customer of {sender.name}.",
        sender=sender,
        unsubscribe_url=unsubscribe_url,
        items=(*first, *second),
        fallback=(fallback := _fallback(template, chosen, recommendation)),
        fallback_reason="too-little-known" if fallback else None,
    )


def _choose(template: str | None, recommendation: Recommendation) -> str:
    if recommendation.served_by != "personal":
        return "generic"
    best = bool(recommendation.buy_again and recommendation.discover)
    possible = {
        "buy-again": bool(recommendation.buy_again),
        "discover": bool(recommendation.discover),
        "personalised": best,
    }
    if template and possible.get(template, True):
        return template
    return "personalised" if best else ("buy-again" if recommendation.buy_again else "discover")


def _fallback(asked: str | None, chosen: str, recommendation: Recommendation) -> str | None:
    if recommendation.served_by != "personal":
        return recommendation.served_by
    return chosen if asked and asked != chosen else None


def _words(
    template: str, recommendation: Recommendation, first_name: str | None, sender: Sender, items: tuple[Item, ...]
) -> dict[str, str]:
    lead = display_name(items[0].product.title) if items else sender.name
    new = display_name(recommendation.discover[0].product.title) if recommendation.discover else lead
    hello = f"{first_name}, " if first_name else ""
    match template:
        case "personalised":
            return _said(
                f"{hello}{lead} again, and something new?",
                f"Your favourites are due, and {new} may become one.",
                "What you love, and what you may love next",
                "We looked at what you keep coming back for, and followed it a step further.",
            )
        case "buy-again":
            return _said(
                f"{hello}time for {lead} again?",
                f"Your regulars, gathered in one place: {lead} and more.",
                "Your regulars are waiting",
                "These are the things you come back for. One look, and the list is done.",
            )
        case "discover":
            return _said(
                f"{hello}you may love {new}",
                "New to you, chosen from what you already like.",
                "New to you, close to your taste",
                "Nothing here is in your basket yet. Each has a reason to be.",
            )
    return _said(
        f"{hello}welcome: what people love at {sender.name}",
        f"A good place to start: {lead} and other favourites.",
        f"A warm welcome from {sender.name}",
        "Here is what is loved most right now. The more we know, the better this gets.",
    )


def _said(subject: str, preheader: str, headline: str, lead: str) -> dict[str, str]:
    return {"subject": subject[:1].upper() + subject[1:], "preheader": preheader, "headline": headline, "lead": lead}


def _sections(
    template: str, first: tuple[Item, ...], second: tuple[Item, ...], language: str, sender: Sender
) -> tuple[Section, ...]:
    titles = {"generic": ("", "Loved right now")}.get(template, ("Buy again", "Discover"))
    return tuple(
        Section(title, tuple(_card(item, at, language, sender) for at, item in enumerate(items)))
        for title, items in zip(titles, (first, second), strict=True)
        if items
    )


def _card(item: Item, at: int, language: str, sender: Sender) -> Card:
    product = item.product
    name = display_name(product.title)
    ground, ink = _TINTS[at % len(_TINTS)]
    return Card(
        name=name,
        reason=item.reason,
        price=_price(item, language),
        url=product.url or sender.site_url,
        image_url=product.image_url or "",
        monogram=next((letter for letter in name if letter.isalnum()), "•").upper(),
        ground=ground,
        ink=ink,
        shelf=display_name(product.categories[-1]) if product.categories else "",
    )


def _price(item: Item, language: str) -> str:
    product = item.product
    if product.price is None or product.currency is None:
        return ""
    try:
        return str(format_currency(product.price, product.currency, locale=language))
    except (ValueError, UnknownLocaleError):
        return str(format_currency(product.price, product.currency, locale="en"))
