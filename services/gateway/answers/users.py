"""Users as the gateway shows them: profile, interests, what happened, what to offer."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pydantic import Field

from services.gateway.answers.degraded import Degradable
from shared.web.contract import Shown

_FOLLOWS = "asks for the next page; empty: that was all"
NO_TIME = "two seconds were not enough: something is left out"
_SINCE = ["2026-05-03T10:00:00+00:00"]


class Page(Degradable):
    """The base of every page of a list."""

    next_page_token: str = Field("", description=_FOLLOWS)


class Users(Page):
    """Ids of users, in order."""

    items: list[str] = Field(examples=[["ann", "bob"]])


class Share(Shown):
    """A category and its share of a user's purchases."""

    name: str = Field(examples=["TEA"])
    title: str = Field(description="the name as it would be printed", examples=["Tea"])
    share: float = Field(examples=[0.4])


class Interest(Shown):
    """What a user is interested in: as stated (0 to 1), as observed, and the shop's category it was matched to."""

    interest_id: str = Field(examples=["tag:cycling"])
    kind: str = Field(examples=["tag"])
    name: str = Field(examples=["Cycling"])
    title: str = Field(description="the name as it would be printed", examples=["Cycling"])
    stated: Decimal | None = Field(examples=["0.9"])
    observed: Decimal = Field(examples=["0"])
    at: str | None = Field(examples=_SINCE)
    matched: list[str] = Field(examples=[["Sports", "Cycling"]])


class Profile(Degradable):
    """A user at a glance."""

    user_id: str = Field(examples=["ann"])
    traits: Mapping[str, str | int | bool | None] = Field(examples=[{"household_size": 2}])
    locale: str | None = Field(examples=["en-GB"])
    consent: bool | None = Field(description="none: nothing was said", examples=[True])
    first_at: str | None = Field(examples=_SINCE)
    last_at: str | None = Field(examples=_SINCE)
    products: int = Field(description="distinct products bought", examples=[3])
    purchases: int = Field(description="product lines bought, over all times", examples=[7])
    top_categories: list[Share]
    interests: list[Interest]


class Interests(Page):
    """A user's interests, strongest first."""

    items: list[Interest]


class Taken(Shown):
    """An interest that was taken in."""

    interest_id: str = Field(examples=["6f0c2e7d9b1a4c58"])
    outcome: str = Field(examples=["accepted"])


class Event(Shown):
    """One event as the ledger keeps it."""

    id: str = Field(examples=["order-1"])
    kind: str = Field(examples=["purchase"])
    type: str = Field(examples=["com.tastegraph.purchase.recorded.v1"])
    at: str | None = Field(examples=_SINCE)
    user_id: str | None = Field(examples=["ann"])
    product_id: str | None = Field(examples=[None])
    titles: list[str] = Field(description="its products’ names as they would be printed", examples=[["Green tea"]])
    data: dict[str, Any] = Field(examples=[{"purchase_id": "order-1", "user_id": "ann"}])


class Timeline(Page):
    """What happened, newest first."""

    items: list[Event]


class Way(Shown):
    """The strongest path that led to an offer."""

    via: str = Field(examples=["bought_with"])
    source_id: str = Field(examples=["tea"])


class Offer(Shown):
    """One recommended product: its score, what the score is made of, and the reason in words."""

    product_id: str = Field(examples=["milk"])
    score: float = Field(examples=[1.25])
    parts: Mapping[str, float] = Field(examples=[{"repetition": 1.1, "popularity": 1.14}])
    reason: str = Field(examples=["Because you bought Green Tea"])
    slate: str = Field(examples=["discover"])
    name: str = Field(examples=["Milk"])
    categories: list[str] = Field(examples=[["Grocery", "Dairy"]])
    brand: str | None = Field(examples=[None])
    price: str | None = Field(examples=["1.09"])
    currency: str | None = Field(examples=["EUR"])
    url: str | None = Field(examples=[None])
    image_url: str | None = Field(examples=[None])
    path: Way | None
    rules: list[str] = Field(description="ids of the shop's rules that boosted or pinned it", examples=[[]])


class Recommendations(Degradable):
    """What to offer a user. `known` is false where nothing is known of them: then these are popular products."""

    user_id: str = Field(examples=["ann"])
    known: bool = Field(examples=[True])
    at: str | None = Field(description="the moment whose knowledge was used", examples=_SINCE)
    served_by: str = Field(description="personal, stated-interests, popular or nothing", examples=["personal"])
    decision_id: str = Field(examples=["0c9d7be0a1f24e55b6d7c8e9"])
    top: list[Offer]
    buy_again: list[Offer]
    discover: list[Offer]


class Neighbour(Shown):
    """A similar user or product: how similar (0 to 1), on how many shared things, and the strongest of them."""

    id: str = Field(examples=["bob"])
    name: str = Field(examples=["bob"])
    score: float = Field(examples=[0.31])
    support: int = Field(examples=[2])
    shared: list[str] = Field(examples=[["Green Tea"]])


class Neighbours(Page):
    """Those most alike, first; 50 at most in all."""

    items: list[Neighbour]
    partial: bool = Field(default=False, description=NO_TIME, examples=[False])
