"""`keys`: API keys."""

from __future__ import annotations

from typing import Annotated

import typer

from services.embedded.commands.asking import Data, Shop, example, note, results, show
from shared.auth import Scope

app = typer.Typer(no_args_is_help=True, help="API keys: make, list, end.")
_SCOPES = f"What the key may do; repeat it. One of {', '.join(Scope)}."


@app.command(epilog=example("keys create --shop my-shop --scope events:write --scope profiles:read"))
def create(shop: Shop, scope: Annotated[list[str], typer.Option(help=_SCOPES)], data: Data = None) -> None:
    """Make a key; its text is shown this once, alone on stdout."""
    for made in results(data, "keys.create", shop=shop, scopes=scope):
        typer.echo(made["key"])
        note(f"key {made['id']} of {shop}: {', '.join(made['scopes'])}")


@app.command("list", epilog=example("keys list --shop my-shop"))
def list_keys(data: Data = None, shop: Annotated[str | None, typer.Option(help="Only this shop's.")] = None) -> None:
    """List keys, never their texts: a line of JSON for each."""
    for each in results(data, "keys.list", shop=shop):
        show(each)


@app.command(epilog=example("keys revoke lx89zlyij5ou"))
def revoke(
    id: Annotated[str, typer.Argument(help="The key's id, as `keys list` shows it.")], data: Data = None
) -> None:
    """End a key; it works for half a minute more at most."""
    for each in results(data, "keys.revoke", id=id):
        show(each)
