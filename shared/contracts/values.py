"""The values that events and requests are made of, each with its bounds (SECURITY: input)."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache, lru_cache
from typing import Annotated, ClassVar

from babel.numbers import get_currency_precision, list_currencies
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

_CURRENCIES = frozenset(list_currencies())
# Control, format (bidi marks and joiners among them), surrogate and private-use characters have no place in an id.
_BANNED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_DOTS = (".", "..")
_HTTP_URL = re.compile(r"https?://[^\s/?#@\\]+(?:[/?#][^\s\\]*)?", re.IGNORECASE)


class Model(BaseModel):
    """A contract: frozen, tolerant when read from a topic; our own API validates with `extra="forbid"`."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    type: ClassVar[str] = ""  # the CloudEvents type of those that travel on topics


@lru_cache(maxsize=1 << 15)  # a shop's words are few, and come again with every purchase
def _clean(text: str) -> str:
    plain = text.isascii() and text.isprintable()  # nearly all are: letters one by one cost a third of a purchase
    clean = text.strip() if plain else unicodedata.normalize("NFC", text).strip()
    if not clean:
        raise ValueError("must not be blank")
    if not plain and any(unicodedata.category(c) in _BANNED_CATEGORIES for c in clean):
        raise ValueError("must not contain control, formatting or private-use characters")
    return clean


def _addressable(id: str) -> str:
    if id in _DOTS:
        raise ValueError("must not be . or .., which no URL's path can hold: clients take them out, however written")
    return id


def _currency(code: str) -> str:
    upper = code.upper()
    if upper not in _CURRENCIES:
        raise ValueError("must be an ISO 4217 currency code, such as EUR")
    return upper


def _http_url(url: str) -> str:
    if not _HTTP_URL.fullmatch(url):
        raise ValueError("must be an absolute http or https URL without credentials")
    return url


def _exact(value: object) -> object:
    """Take a JSON float by its shortest decimal form, so that 0.1 means 0.1."""
    if isinstance(value, bool):
        raise ValueError("must be a number")  # noqa: TRY004 (pydantic reports ValueError as a violation)
    return repr(value) if isinstance(value, float) else value


@lru_cache(maxsize=1 << 15)
def _shortest(amount: Decimal) -> Decimal:
    """Give equal amounts one form (0.10 is 0.1, -0 is 0), so that equal facts have equal digests."""
    shortest = (amount + 0).normalize()
    return shortest.quantize(Decimal(1)) if shortest.as_tuple().exponent > 0 else shortest  # type: ignore[operator]


def _utc(moment: datetime) -> datetime:
    """Keep milliseconds in UTC: that is what the graph and the digest are made of."""
    utc = moment.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def _text_time(value: object) -> object:
    if not isinstance(value, str | datetime):
        raise ValueError("must be an RFC 3339 time with a zone, such as 2026-05-03T10:00:00Z")  # noqa: TRY004
    return value


Id = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_clean), AfterValidator(_addressable)]
Text = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_clean)]
Url = Annotated[str, Field(max_length=2048), AfterValidator(_http_url)]
Currency = Annotated[str, Field(min_length=3, max_length=3), AfterValidator(_currency)]
Moment = Annotated[AwareDatetime, BeforeValidator(_text_time), AfterValidator(_utc)]
# The bounds come first: put on a validator of ours instead of on the number, pydantic would check them in Python.
Money = Annotated[
    Decimal,
    Field(ge=0, le=Decimal(1_000_000_000), decimal_places=6, max_digits=20),
    BeforeValidator(_exact),
    AfterValidator(_shortest),
]
Quantity = Annotated[
    Decimal,
    Field(gt=0, le=Decimal(1_000_000), decimal_places=3, max_digits=12),
    BeforeValidator(_exact),
    AfterValidator(_shortest),
]
Relevance = Annotated[
    Decimal, Field(ge=0, le=1, decimal_places=6, max_digits=7), BeforeValidator(_exact), AfterValidator(_shortest)
]
# Broad first, narrow last: ("Grocery", "Dairy", "Milk").
CategoryPath = Annotated[tuple[Text, ...], Field(max_length=8)]


_precision = cache(get_currency_precision)  # of a few currencies, and each thing bought asks


def minor_units(amount: Decimal, currency: str) -> int:
    """Return an amount of money in its currency's minor units (cents, say), rounded half to even."""
    scale = Decimal(10) ** _precision(currency)
    return int((amount * scale).quantize(Decimal(1), ROUND_HALF_EVEN))


def from_minor_units(amount: int, currency: str) -> Decimal:
    """Return the decimal amount of so many minor units."""
    return Decimal(amount).scaleb(-_precision(currency))


def thousandths(quantity: Decimal) -> int:
    """Return a quantity, a relevance or a like number in whole thousandths."""
    return int((quantity * 1000).quantize(Decimal(1), ROUND_HALF_EVEN))
