"""What an answer says of itself when it is less than it should be."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from shared.web.contract import Shown


def _unsaid(value: object) -> bool:
    return not value


class Degradable(Shown):
    """An answer that may come from a copy while the graph is away; if so, it says so, and `Age` says how old it is."""

    degraded: bool = Field(default=False, exclude_if=_unsaid, description="not from the live graph", examples=[False])
    served_from: Literal["cache", "popular"] | None = Field(
        None,
        exclude_if=_unsaid,
        description="of a degraded answer: its last good copy, or popular products",
        examples=[None],
    )
    as_of: str | None = Field(
        None, exclude_if=_unsaid, description="of a degraded answer: when it was so", examples=[None]
    )
