"""What an email says and to whom: a pure plan from an insight, or a reason to stay silent."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from string import capwords
from typing import Any

from babel import Locale
from babel.core import UnknownLocaleError
from babel.numbers import format_currency

from services.email.links import allowed
from services.email.wording import Copy, copy_for, due_first, reason, why_now, words
from shared.contracts.templates import BUILT_IN
from shared.errors import NotFoundError
from shared.knowledge.insight import Insight
from shared.knowledge.names import tidy
from shared.knowledge.recommend import Item, Recommendation

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
        return cls(**{"name": capwords(shop.replace("-", " ")), **given})


@dataclass(frozen=True)
class Reader:
    """Who an email is for, beyond what the graph knows, and their way out."""

    unsubscribe_url: str
    public_url: str
    first_name: str = ""


@dataclass(frozen=True)
class Card:
    """One product as the reader sees it."""

    product_id: str
    slate: str  # buy_again or discover
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
    version: int
    language: str
    direction: str  # ltr or rtl
    subject: str
    preheader: str
    headline: str
    lead: str
    sections: tuple[Section, ...]
    action: str
    action_url: str
    why: str
    unsubscribe: str  # the link's words
    sender: Sender
    reader: Reader
    items: tuple[Item, ...]
    fallback: str | None
    fallback_reason: str | None = None


@dataclass(frozen=True)
class Silence:
    """No email, and why: a word for machines, a sentence for people."""

    reason: str
    detail: str


def silence(
    insight: Insight, recommendation: Recommendation, *, suppressed: bool, capped: bool = False
) -> Silence | None:
    """Return why this person gets no email, if there is a reason."""
    if suppressed:
        return Silence("suppressed", "the user has unsubscribed, or is suppressed")
    if insight.consent is False:
        return Silence("no-consent", "the user did not agree to marketing")
    if recommendation.served_by == "nothing":
        return Silence("nothing-to-say", "the shop has no products to speak of yet")
    if capped:
        return Silence("capped", "the user has had as many emails as the shop allows for the time being")
    return None


def plan(
    insight: Insight, recommendation: Recommendation, sender: Sender, reader: Reader, *, template: str | None = None
) -> Plan:
    """Return the plan of an email. A template that needs what is not known falls back to the generic one, and says so.

    Raises:
        NotFoundError: no built-in template has that name.
    """
    if template is not None and template not in BUILT_IN:
        raise NotFoundError(f"there is no template {template}; built in are {', '.join(BUILT_IN)}")
    copy, chosen = copy_for(insight.locale), _choose(template, recommendation)
    first, second = _slates(chosen, recommendation, insight)
    why = why_now(chosen, first, second, insight, copy)
    fallback = _fallback(template, chosen, recommendation)
    sections = _sections(chosen, first, second, insight, copy, sender, reader)
    return Plan(
        template=chosen,
        version=1,
        language=copy["language"],
        direction=_direction(insight.locale, [card.name for section in sections for card in section.cards]),
        **words(chosen, why, sender.name, reader.first_name, copy),
        sections=sections,
        action=copy["action"].format(shop=sender.name),
        action_url=_site(sender, reader),
        why=copy["why"]["consent" if insight.consent else "customer"].format(shop=sender.name),
        unsubscribe=copy["unsubscribe"],
        sender=sender,
        reader=reader,
        items=(*first, *second),
        fallback=fallback,
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


def _slates(template: str, recommendation: Recommendation, insight: Insight) -> tuple[tuple[Item, ...], ...]:
    again = _told_apart(due_first(recommendation.buy_again[:_CARDS], insight))
    new = _told_apart(recommendation.discover[:_CARDS])
    fresh = _told_apart((*again, *new))[len(again) :] or new
    shown = {"personalised": (again[:4], fresh[:4]), "buy-again": (again, ()), "discover": ((), new)}
    return shown.get(template, ((), new))


def _told_apart(items: Iterable[Item]) -> tuple[Item, ...]:
    """Return the items without a second one of the same name: two such cards look like a mistake."""
    kept: dict[str, Item] = {}
    for item in items:
        kept.setdefault(tidy(item.product.title), item)
    return tuple(kept.values())


def _sections(
    template: str,
    first: tuple[Item, ...],
    second: tuple[Item, ...],
    insight: Insight,
    copy: Copy,
    sender: Sender,
    reader: Reader,
) -> tuple[Section, ...]:
    titles = copy["titles"]
    named = ((titles["buy_again"], first), (titles["popular" if template == "generic" else "discover"], second))
    return tuple(
        Section(title, tuple(_card(item, at, insight, copy, sender, reader) for at, item in enumerate(items)))
        for title, items in named
        if items
    )


def _card(item: Item, at: int, insight: Insight, copy: Copy, sender: Sender, reader: Reader) -> Card:
    product = item.product
    name = tidy(product.title)
    ground, ink = _TINTS[at % len(_TINTS)]
    url, image = product.url or "", product.image_url or ""
    return Card(
        product_id=product.product_id,
        slate=item.slate,
        name=name,
        reason=reason(item, insight, copy),
        price=_price(item, insight.locale or copy["language"]),
        url=url if allowed(url, reader.public_url) else _site(sender, reader),
        image_url=image if allowed(image, reader.public_url) else "",
        monogram=next((letter for letter in name if letter.isalnum()), "•").upper(),
        ground=ground,
        ink=ink,
        shelf=_shelf(name, product.categories),
    )


def _shelf(name: str, categories: tuple[str, ...]) -> str:
    """Return the narrowest category that says more than the name does."""
    words = (tidy(each) for each in reversed(categories))
    return next((each for each in words if each.lower() not in name.lower()), "")


def _site(sender: Sender, reader: Reader) -> str:
    """Return the shop's own address; one that may not be linked to gives way to the gateway's."""
    if allowed(sender.site_url, reader.public_url):
        return sender.site_url
    secure = sender.site_url.replace("http://", "https://", 1)
    return secure if allowed(secure, reader.public_url) else reader.public_url


def _price(item: Item, locale: str) -> str:
    product = item.product
    if product.price is None or product.currency is None:
        return ""
    return _money(product.price, product.currency, locale)


@lru_cache(4096)
def _money(price: Decimal, currency: str, locale: str) -> str:
    try:
        return str(format_currency(price, currency, locale=locale.replace("-", "_")))
    except (ValueError, UnknownLocaleError):
        return str(format_currency(price, currency, locale="en"))


def _direction(locale: str | None, names: Iterable[str]) -> str:
    """Return the way the page runs: the locale's, or, where none is known, that of most letters in the names."""
    try:
        rtl = Locale.parse((locale or "").replace("-", "_")).character_order == "right-to-left"
    except (ValueError, UnknownLocaleError):
        counts = Counter(unicodedata.bidirectional(letter) for name in names for letter in name)
        rtl = counts["R"] + counts["AL"] > counts["L"]
    return "rtl" if rtl else "ltr"
