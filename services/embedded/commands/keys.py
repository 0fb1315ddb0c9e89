"""`keys`: API keys."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from services.embedded.commands.asking import Data, Shop, example, note, results, show
from shared.auth import Scope

_ID = "The key's id, as `keys list` shows it."
app = typer.Typer(no_args_is_help=True, help="API keys: make, list, replace, end.")
_SCOPES = f"What the key may do; repeat it. One of {', '.join(Scope)}."

_LIMITS = (
    "A limit of its own, tighter than everybody's; repeat it. read, write, make or admin: requests/seconds[/at once], "
    "such as read=60/60; emails or boards: a day/a month, such as emails=100/2000."
)


@app.command(epilog=example("keys create --shop my-shop --scope events:write --scope profiles:read"))
def create(
    shop: Shop,
    scope: Annotated[list[str], typer.Option(help=_SCOPES)],
    data: Data = None,
    name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    expires: Annotated[str | None, typer.Option(help="When it ends, such as 2027-01-01T00:00:00Z.")] = None,
    limit: Annotated[list[str] | None, typer.Option(help=_LIMITS)] = None,
) -> None:
    """Make a key; its text is shown this once, alone on stdout."""
    limits = dict(each.partition("=")[::2] for each in limit or ())
    for made in results(data, "keys.create", shop=shop, scopes=scope, name=name, expires=expires, limits=limits):
        _tell(made)


@app.command(epilog=example("keys rotate lx89zlyij5ou --overlap-hours 48"))
def rotate(
    id: Annotated[str, typer.Argument(help=_ID)],
    data: Data = None,
    overlap_hours: Annotated[int, typer.Option(min=0, max=720, help="How long the old key works on.")] = 24,
) -> None:
    """Make a key that takes another's place, alone on stdout; both work for the overlap."""
    for made in results(data, "keys.rotate", id=id, hours=overlap_hours):
        _tell(made)


def _tell(made: dict[str, Any]) -> None:
    typer.echo(made["key"])
    note(f"key {made['id']} of {made['shop']}: {', '.join(made['scopes'])}")


@app.command("list", epilog=example("keys list --shop my-shop"))
def list_keys(data: Data = None, shop: Annotated[str | None, typer.Option(help="Only this shop's.")] = None) -> None:
    """List keys, never their texts: a line of JSON for each."""
    for each in results(data, "keys.list", shop=shop):
        show(each)


@app.command(epilog=example("keys revoke lx89zlyij5ou"))
def revoke(id: Annotated[str, typer.Argument(help=_ID)], data: Data = None) -> None:
    """End a key; it works for half a minute more at most."""
    for each in results(data, "keys.revoke", id=id):
        show(each)
