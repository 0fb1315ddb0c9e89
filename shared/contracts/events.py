"""What happened in a shop, as facts in the past tense; each class is the `data` of one CloudEvents type.

The shop is never in the data: it comes from the credential and travels in the envelope (see `codec`).
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field, StrictBool, model_validator

from shared.contracts.values import (
    CategoryPath,
    Currency,
    Id,
    Model,
    Moment,
    Money,
    Quantity,
    Relevance,
    Text,
    Url,
)


class Kind(StrEnum):
    """The kinds of events that the ledger keeps; an event id is unique within (shop, kind)."""

    PURCHASE = "purchase"
    REFUND = "refund"
    INTEREST = "interest"
    PRODUCT = "product"
    USER = "user"
    ERASURE = "erasure"


class PurchaseLine(Model):
    """One product of a purchase. Facts about the product fill its stub until the catalogue tells more."""

    product_id: Id
    quantity: Quantity
    unit_price: Money
    name: Text | None = None
    categories: CategoryPath | None = None
    brand: Text | None = None
    image_url: Url | None = None
    url: Url | None = None


class PurchaseRecorded(Model):
    """A user bought something."""

    type: ClassVar[str] = "com.tastegraph.purchase.recorded.v1"
    ledger_kind: ClassVar[Kind] = Kind.PURCHASE

    purchase_id: Id
    user_id: Id
    purchased_at: Moment
    currency: Currency
    lines: Annotated[tuple[PurchaseLine, ...], Field(min_length=1, max_length=500)]


class RefundLine(Model):
    """One product taken back: how many, and the money given back for them."""

    product_id: Id
    quantity: Quantity
    amount: Money | None = None


class PurchaseRefunded(Model):
    """A purchase, or a part of it, was taken back."""

    type: ClassVar[str] = "com.tastegraph.purchase.refunded.v1"
    ledger_kind: ClassVar[Kind] = Kind.REFUND

    refund_id: Id
    purchase_id: Id
    user_id: Id
    refunded_at: Moment
    currency: Currency
    lines: Annotated[tuple[RefundLine, ...], Field(min_length=1, max_length=500)]


class InterestKind(StrEnum):
    """How an interest came to be known: said by the user, or observed."""

    STATED = "stated"
    VIEWED = "viewed"
    WISHED = "wished"
    RATED = "rated"
    DISMISSED = "dismissed"


class InterestExpressed(Model):
    """A user showed interest in (or, dismissed, the lack of it) a named thing or a product.

    `name` is free text or a category's name; it is kept as a tag and matched to the shop's categories
    when the graph is read. `score` is the relevance, 0 to 1.
    """

    type: ClassVar[str] = "com.tastegraph.interest.expressed.v1"
    ledger_kind: ClassVar[Kind] = Kind.INTEREST

    interest_id: Id
    user_id: Id
    kind: InterestKind = InterestKind.STATED
    name: Text | None = None
    product_id: Id | None = None
    score: Relevance = Decimal(1)
    expressed_at: Moment
    source: Text | None = None

    @model_validator(mode="after")
    def _names_one_thing(self) -> InterestExpressed:
        if (self.name is None) == (self.product_id is None):
            raise ValueError("give either name or product_id, and only one of them")
        return self


class Availability(StrEnum):
    """Whether a product can be bought now."""

    IN_STOCK = "in_stock"
    OUT_OF_STOCK = "out_of_stock"
    DISCONTINUED = "discontinued"


class ProductUpdated(Model):
    """The catalogue says what a product is; a field left out keeps what was known of it."""

    type: ClassVar[str] = "com.tastegraph.product.updated.v1"
    ledger_kind: ClassVar[Kind] = Kind.PRODUCT

    event_id: Id
    product_id: Id
    updated_at: Moment
    name: Text | None = None
    categories: CategoryPath | None = None
    brand: Text | None = None
    tags: Annotated[tuple[Text, ...], Field(max_length=50)] | None = None
    price: Money | None = None
    currency: Currency | None = None
    url: Url | None = None
    image_url: Url | None = None
    availability: Availability | None = None

    @model_validator(mode="after")
    def _price_has_currency(self) -> ProductUpdated:
        if self.price is not None and self.currency is None:
            raise ValueError("a price needs its currency")
        return self


# Strict, so that `true` stays true; whole numbers as far as canonical JSON can tell them apart.
Trait = str | Annotated[int, Field(strict=True, gt=-(2**53), lt=2**53)] | StrictBool | None


class Contact(Model):
    """How to reach a person. Kept apart from behaviour; never enters the knowledge graph."""

    email: Annotated[str, Field(max_length=254)] | None = None
    first_name: Text | None = None


class Consent(Model):
    """What the person agreed to. Without a word, marketing rests on the existing customer relation."""

    marketing: bool


class UserUpdated(Model):
    """A user's traits, contact, locale or consent became known or changed; left out means unchanged."""

    type: ClassVar[str] = "com.tastegraph.user.updated.v1"
    ledger_kind: ClassVar[Kind] = Kind.USER

    event_id: Id
    user_id: Id
    updated_at: Moment
    traits: Annotated[dict[Id, Annotated[Trait, Field(union_mode="left_to_right")]], Field(max_length=50)] | None = None
    contact: Contact | None = None
    locale: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,2}$")] | None = None
    consent: Consent | None = None


class UserErased(Model):
    """A user asked to be forgotten: nothing that happened before may be kept or come back."""

    type: ClassVar[str] = "com.tastegraph.user.erased.v1"
    ledger_kind: ClassVar[Kind] = Kind.ERASURE

    event_id: Id
    user_id: Id
    erased_at: Moment


CommerceEvent = PurchaseRecorded | PurchaseRefunded | InterestExpressed | ProductUpdated | UserUpdated | UserErased
