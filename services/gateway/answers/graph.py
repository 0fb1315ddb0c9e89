"""Products, neighbourhoods and trends as the gateway shows them."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field

from services.gateway.answers.degraded import Degradable
from services.gateway.answers.users import NO_TIME, Page
from shared.web.contract import Shown


class Price(Shown):
    """What a product cost at a moment, as the catalogue said or as it was paid."""

    at: str | None = Field(examples=["2026-05-03T10:00:00+00:00"])
    price: Decimal = Field(examples=["3.5"])
    currency: str = Field(examples=["EUR"])
    source: str = Field(examples=["purchase"])


class Product(Degradable):
    """What is known of a product now, and how its price moved, oldest first."""

    product_id: str = Field(examples=["tea"])
    name: str | None = Field(examples=["Green Tea"])
    title: str = Field(description="the name as it would be printed, or the best that there is", examples=["Green Tea"])
    categories: list[str] = Field(examples=[["Tea"]])
    brand: str | None = Field(examples=[None])
    tags: list[str] = Field(examples=[[]])
    price: Decimal | None = Field(examples=["3.5"])
    currency: str | None = Field(examples=["EUR"])
    url: str | None = Field(examples=[None])
    image_url: str | None = Field(examples=[None])
    available: bool = Field(examples=[True])
    popularity: int = Field(description="distinct buyers in the last 28 days", examples=[2])
    newcomers: float = Field(description="first-time buyers, fading with the days since", examples=[1.5])
    loyalty: float = Field(description="how likely buyers come back to it, relative to the shop's mean", examples=[1.0])
    prices: list[Price]


class Node(Shown):
    """A node of the graph."""

    uid: str = Field(examples=["5d41402abc4b2a76"])
    kind: str = Field(examples=["user"])
    id: str = Field(examples=["ann"])
    name: str = Field(examples=["ann"])
    title: str = Field(description="the name as it would be printed", examples=["ann"])
    depth: int = Field(examples=[0])


class Edge(Shown):
    """An edge of the graph, in its own words (PURCHASED, ABOUT, …)."""

    source: str = Field(examples=["5d41402abc4b2a76"])
    target: str = Field(examples=["7d793037a0760186"])
    kind: str = Field(examples=["PURCHASED"])
    weight: float = Field(examples=[1.0])


class Neighbourhood(Degradable):
    """A bounded piece of the graph around one node."""

    nodes: list[Node]
    edges: list[Edge]
    truncated: bool = Field(description="a bound cut it", examples=[False])
    partial: bool = Field(description=NO_TIME, examples=[False])


class Connection(Shown):
    """One way from a node to another: its nodes in order, the edges between them, and what each edge says."""

    nodes: list[Node]
    edges: list[Edge]
    words: list[str] = Field(examples=[["ann bought Green Tea twice", "bob bought Green Tea once"]])


class Ways(Shown):
    """How two nodes are connected: the shortest ways, the strongest first; none if they are too far apart."""

    items: list[Connection]
    truncated: bool = Field(description="some nodes had more edges than were followed", examples=[False])
    partial: bool = Field(description=NO_TIME, examples=[False])


class TypicalProduct(Shown):
    """A product that is typical of a community."""

    product_id: str = Field(examples=["tea"])
    title: str = Field(description="the name as it would be printed", examples=["Green Tea"])
    buyers: int = Field(description="members who bought it, three at least", examples=[12])
    lift: float = Field(description="how many times as many of them as of the whole shop", examples=[3.2])


class TypicalProducts(Page):
    """What is typical of a community, the most telling first."""

    items: list[TypicalProduct]


class Community(Degradable):
    """People whose baskets are alike. Its id stays as long as its members do."""

    id: str = Field(examples=["5d41402abc4b"])
    words: str = Field(description="what it is called by", examples=["People who buy Green Tea, Honey and Mugs"])
    members: int = Field(examples=[17])
    products: list[TypicalProduct] = Field(description="the most telling first; in a list of communities five")


class Communities(Page):
    """A shop's communities, the largest first, 100 at most."""

    items: list[Community]


class Figures(Shown):
    """What a period had, or how much more than another; sums are exact, as text."""

    count: int = Field(examples=[1])
    quantity: Decimal = Field(examples=["2"])
    revenue: Decimal = Field(examples=["-3.5"])
    buyers: int = Field(examples=[0])


class Trend(Shown):
    """One period of one key. Sums are exact, as text; rows are never mixed across currencies."""

    start: str = Field(description="the period's first day; weeks begin on Monday", examples=["2026-05-01"])
    key: str = Field(examples=["tea"])
    count: int = Field(examples=[2])
    quantity: Decimal = Field(examples=["3"])
    revenue: Decimal = Field(examples=["10.5"])
    currency: str = Field(examples=["EUR"])
    buyers: int = Field(examples=[1])
    score: Decimal | None = Field(description="by interest: the mean relevance", examples=[None])
    previous: Figures | None = Field(None, description="compared: what the period before had, if that is known")
    change: Figures | None = Field(None, description="compared: the difference to the period before")


class Trends(Page):
    """The latest rows, by period, then by falling revenue; the next page goes back in time. 10,000 rows in all."""

    by: str = Field(examples=["product"])
    period: str = Field(examples=["month"])
    items: list[Trend]
