"""What is asked of the gateway in query strings and bodies, as types with bounds."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BeforeValidator, Field, StrictBool, WithJsonSchema

from shared.auth import Scope
from shared.clock import to_ms
from shared.contracts.events import InterestKind, Kind
from shared.contracts.templates import Body
from shared.contracts.values import Id, Moment, Relevance, Text
from shared.history.port import Dimension, Period, TrendQuery
from shared.web.allowances import RATE
from shared.web.contract import Asked

_LISTED = {"type": "string"}


def _day_or_moment(value: Any) -> Any:
    """Take a date as the beginning of that day in UTC; a time must have its zone."""
    if not isinstance(value, str | datetime):
        raise ValueError("must be a date, or a time with its zone")  # noqa: TRY004 (pydantic reports ValueError)
    try:
        return datetime.combine(date.fromisoformat(str(value)), datetime.min.time(), UTC)
    except ValueError:
        return value


def _words(value: Any) -> Any:
    return [word for word in value.split(",") if word] if isinstance(value, str) else value


DayOrMoment = Annotated[
    AwareDatetime,
    BeforeValidator(_day_or_moment),
    WithJsonSchema({"type": "string", "examples": ["2026-05-03"]}),
]
Limit = Annotated[int, Field(ge=1, le=50)]


class Paging(Asked):
    """Which page of a list, and how long: a larger `page_size` than the most is the most."""

    page_token: str = Field("", max_length=500, description="what the page before gave as next_page_token")
    page_size: int = Field(50, ge=1, description="items at most; lists have a maximum of their own")


class TimelinePaging(Paging):
    """A page of what happened."""

    kinds: Annotated[tuple[Kind, ...], BeforeValidator(_words), WithJsonSchema(_LISTED)] = Field(
        default_factory=tuple, description="of events, comma-separated; none: all"
    )


class DeadLetterPaging(Paging):
    """A page of dead letters."""

    topic: str | None = Field(None, max_length=100, description="of one original topic only")


class Offers(Asked):
    """What to recommend."""

    at: Moment | None = Field(None, description="ignore what came later; a time with its zone")
    limit: Limit = Field(10, description="items per slate")


class Likeness(Asked):
    """How many to list at once; there are 50 at most."""

    limit: Limit = Field(20, description="items on a page at most")
    page_token: str = Field("", max_length=500, description="what the page before gave as next_page_token")


class Around(Asked):
    """Which piece of the graph."""

    kind: Literal["user", "product", "interest"] = Field("user", description="of the node in the middle")
    id: Id = Field(description="of the node in the middle", examples=["ann"])
    depth: int = Field(2, ge=1, le=3, description="steps from the middle")
    kinds: Annotated[tuple[Text, ...], BeforeValidator(_words), WithJsonSchema(_LISTED)] = Field(
        default_factory=tuple, description="of edges, comma-separated; none: all"
    )
    limit: int = Field(60, ge=1, le=300, description="nodes at most")


class Between(Asked):
    """Which two nodes of the graph."""

    kind: Literal["user", "product", "interest"] = Field("user", description="of the node where ways begin")
    id: Id = Field(description="of the node where ways begin", examples=["ann"])
    to_kind: Literal["user", "product", "interest"] = Field("user", description="of the node where ways end")
    to_id: Id = Field(description="of the node where ways end", examples=["bob"])
    longest: int = Field(4, ge=1, le=6, description="steps at most")
    kinds: Annotated[tuple[Text, ...], BeforeValidator(_words), WithJsonSchema(_LISTED)] = Field(
        default_factory=tuple, description="of edges to go along, comma-separated; none: all"
    )


class Counted(Asked):
    """What to count."""

    by: Dimension = Field("total", description="what a row is about")
    period: Period = Field("month", description="what a row covers")
    user_id: Id | None = Field(None, description="of one user only")
    key: Text | None = Field(None, description="one product, category (Grocery/Dairy) or interest only")
    since: DayOrMoment | None = Field(None, description="a date, or a time with its zone")
    until: DayOrMoment | None = Field(None, description="likewise; excluded")
    compare: Literal["previous"] | None = Field(None, description="previous: each row with the period before it")
    limit: int = Field(500, ge=1, le=2_000, description="rows on a page at most")
    page_token: str = Field("", max_length=500, description="what the page before gave as next_page_token")

    def of(self, shop: str) -> TrendQuery:
        """Return the question of a shop."""
        since, until = (None if each is None else to_ms(each.astimezone(UTC)) for each in (self.since, self.until))
        return TrendQuery(
            shop, self.by, self.period, self.user_id, self.key, since=since, until=until, limit=self.limit
        )


class Drawn(Asked):
    """Which picture of a board."""

    format: Literal["png", "webp"] = Field("png", description="how it is packed")
    scale: int = Field(1, ge=1, le=2, description="2: twice as wide and high")


class NewEmail(Asked):
    """An email to be made."""

    user_id: Id = Field(examples=["ann"])
    template: Id | None = Field(None, description="name or name@version; none: by what is known", examples=["discover"])
    at: Moment | None = Field(None, description="ignore what came later", examples=[None])
    preview: bool = Field(default=False, description="make and answer it, but neither keep nor publish it")
    campaign: Id | None = Field(
        None, description="reaches a user once in a period, however often asked", examples=[None]
    )
    period: Id | None = Field(None, description="of the campaign, such as 2026-W47; none: once ever", examples=[None])


class NewTemplate(Asked):
    """A new version of an email template; docs/templates.md says what it may use."""

    subject: Text = Field(examples=["{{ shop.name }}: spring is here"])
    preheader: Text = Field(examples=["{{ products[0].name }} and more"])
    mjml: Body = Field(examples=["<mjml><mj-body>{{ cards(products) }}{{ footer() }}</mj-body></mjml>"])
    text: Body | None = Field(None, description="none: made from the HTML", examples=[None])


class Previewed(Asked):
    """Whose data to render a template with."""

    user_id: Id = Field(examples=["ann"])


class NewBoard(Asked):
    """A vision board to be made."""

    user_id: Id = Field(examples=["ann"])
    layout: Id | None = Field(None, description="wide, square or story", examples=["wide"])
    at: Moment | None = Field(None, description="ignore what came later", examples=[None])


class NewInterest(Asked):
    """An interest of the user that the path names: in a named thing, or in a product."""

    interest_id: Id | None = Field(
        None, description="none: made from the Idempotency-Key, or at random", examples=[None]
    )
    user_id: Id | None = Field(None, description="the path's, if given", examples=[None])
    kind: InterestKind = InterestKind.STATED
    name: Text | None = Field(None, examples=["Cycling"])
    product_id: Id | None = Field(None, examples=[None])
    score: Relevance = Field(1, validate_default=True, description="0 to 1", examples=["0.9"])
    expressed_at: Moment | None = Field(None, description="none: now", examples=[None])
    source: Text | None = Field(None, examples=["shop front"])


class Agreed(Asked):
    """What a user says to marketing."""

    marketing: StrictBool = Field(examples=[True])


Rate = Annotated[str, Field(pattern=f"^{RATE}$", max_length=24, examples=["600/60/4"])]
Quota = Annotated[str, Field(pattern="^[0-9]{1,9}/[0-9]{1,9}$", examples=["100/2000"])]


class KeyLimits(Asked):
    """Limits of a key's own, no looser than everybody's: requests/seconds[/at once]; of what is made: day/month."""

    read: Rate | None = None
    write: Rate | None = None
    make: Rate | None = None
    admin: Rate | None = None
    emails: Quota | None = None
    boards: Quota | None = None


class NewKey(Asked):
    """A key to be made for the shop that asks."""

    scopes: list[Scope] = Field(min_length=1, max_length=50, examples=[["profiles:read"]])
    name: Text | None = Field(None, description="for people", examples=["shop front"])
    expires_at: Moment | None = Field(None, description="none: works until revoked", examples=[None])
    limits: KeyLimits | None = Field(None, description="none: those of every key", examples=[{"read": "600/60/4"}])


class Rotation(Asked):
    """How a key is to be replaced."""

    overlap_hours: int = Field(24, ge=0, le=720, description="how long the old key works on, beside the new one")


class NewUserToken(Asked):
    """A token for the user that the path names."""

    seconds: int | None = Field(None, ge=1, le=3600, description="of life; none, or more than the most: the most")
