"""Options that say which users are meant: those of a list, or all for whom everything holds that is given."""

from __future__ import annotations

from typing import Annotated, Any

import typer

_CATEGORY = "They bought of it; repeat it from broad to narrow."
Users = Annotated[list[str] | None, typer.Option("--user", help="These users, and nobody else; repeat it.")]
Interest = Annotated[str | None, typer.Option(help="They have this interest.")]
Category = Annotated[list[str] | None, typer.Option(help=_CATEGORY)]
Product = Annotated[str | None, typer.Option(help="They bought it.")]
BoughtSince = Annotated[str | None, typer.Option(help="Their last purchase is not before this.")]
LapsedSince = Annotated[str | None, typer.Option(help="Their last purchase is before this.")]


def given(**options: Any) -> dict[str, Any]:
    """Return the options that were given."""
    return {name: value for name, value in options.items() if value}
