"""Keys, suppressions, dead letters and conflicts as the gateway shows them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from services.gateway.answers.users import Page
from shared.web.contract import Shown

_AT = ["2026-05-03T10:00:00+00:00"]


class Key(Shown):
    """An API key, but for its text, which is kept nowhere."""

    id: str = Field(examples=["k3y1d0000000"])
    name: str | None = Field(examples=["shop front"])
    scopes: list[str] = Field(examples=[["profiles:read"]])
    created_at: str | None = Field(examples=_AT)
    expires_at: str | None = Field(examples=[None])
    revoked_at: str | None = Field(examples=[None])
    last_used_at: str | None = Field(description="to a minute or two; none: never", examples=_AT)
    replaces: str | None = Field(description="the key whose place it took", examples=[None])
    limits: dict[str, str] = Field(description="of its own", examples=[{"read": "600/60/4"}])


class NewKey(Key):
    """An API key with its text: this once."""

    key: str = Field(examples=["tg_test_k3y1d0000000_…"])


class Keys(Page):
    """The shop's keys, newest first."""

    items: list[Key]


class UserToken(Shown):
    """A token for one end user's browser."""

    token: str = Field(examples=["tgu_eyJ…"])
    user_id: str = Field(examples=["ann"])
    expires_at: str = Field(examples=_AT)


class Deed(Shown):
    """Something that was done, and by whom: a key's id, a token's name, or the command line."""

    id: str = Field(examples=["0b6a4c1de0f84a0f8f1f6a1d9a3c7e55"])
    at: str | None = Field(examples=_AT)
    actor: str = Field(examples=["k3y1d0000000"])
    action: str = Field(examples=["key.created"])
    target: str = Field(description="the key, version, job or dead letter", examples=["k3y1d0000001"])
    detail: str = Field(examples=["profiles:read"])
    correlation_id: str = Field(description="leads to the log lines", examples=["6f0c2e7d9b1a4c58"])


class Trail(Page):
    """The shop's audit trail, newest first."""

    items: list[Deed]


class Suppression(Shown):
    """A user who gets no marketing: on the shop's word, or on their own (unsubscribed)."""

    user_id: str = Field(examples=["ann"])
    reason: str = Field(examples=["unsubscribed"])
    at: str | None = Field(examples=_AT)


class Suppressions(Page):
    """Who gets no marketing, last changed first."""

    items: list[Suppression]


class Taken(Shown):
    """What became of each report, in order."""

    outcomes: list[Literal["suppressed", "known", "unknown-email"]] = Field(examples=[["suppressed"]])


class Consent(Shown):
    """What a user last said to marketing (none: nothing), and whether they get none for any reason."""

    user_id: str = Field(examples=["ann"])
    marketing: bool | None = Field(examples=[True])
    at: str | None = Field(examples=_AT)
    suppressed: bool = Field(examples=[False])


class Said(Shown):
    """A user's word was taken in."""

    event_id: str = Field(examples=["6f0c2e7d9b1a4c58"])
    outcome: str = Field(examples=["accepted"])


class DeadLetter(Shown):
    """A message that could not be processed; never its content, which may be personal."""

    id: str = Field(examples=["commerce.purchases.v1.dlt:0:7"])
    topic: str = Field(examples=["commerce.purchases.v1"])
    partition: int = Field(examples=[0])
    offset: int = Field(examples=[41])
    appended_at: str = Field(examples=_AT)
    group: str = Field(examples=["graph"])
    code: str = Field(examples=["invalid-input"])
    message: str = Field(examples=["data breaks its contract"])
    attempts: int = Field(examples=[1])
    first_failed_at: str = Field(examples=_AT)
    service_version: str = Field(examples=["0.1.0"])
    shop: str | None = Field(examples=["demo"])
    size: int = Field(description="bytes", examples=[512])


class OpenedDeadLetter(DeadLetter):
    """A dead letter with its content, as far as it is text."""

    value: str = Field(examples=["{}"])


class DeadLetters(Page):
    """What could not be processed, the last parked first."""

    items: list[DeadLetter]


class Place(Shown):
    """Where a message stands in the log."""

    topic: str = Field(examples=["commerce.purchases.v1"])
    partition: int = Field(examples=[0])
    offset: int = Field(examples=[42])


class Replayed(Shown):
    """A dead letter that was published again, and where it stands now."""

    id: str = Field(examples=["commerce.purchases.v1.dlt:0:7"])
    event: Place


class Conflict(Shown):
    """Two contents under one id: the one that stands, and the one that was quarantined."""

    kind: str = Field(examples=["purchase"])
    id: str = Field(examples=["order-1"])
    stands: dict[str, Any] = Field(examples=[{"purchase_id": "order-1", "currency": "EUR"}])
    quarantined: dict[str, Any] = Field(examples=[{"purchase_id": "order-1", "currency": "USD"}])
    origin: Place
    seen_at: str | None = Field(examples=_AT)


class Conflicts(Page):
    """Quarantined contents, newest first."""

    items: list[Conflict]
