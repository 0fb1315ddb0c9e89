"""`deadletters`: what could not be processed."""

from __future__ import annotations

from typing import Annotated

import typer

from services.embedded.commands.asking import Data, example, results, show

app = typer.Typer(no_args_is_help=True, help="What could not be processed: look at it, offer it again.")
_ID = "A dead letter's id, as `deadletters list` shows it."


@app.command("list", epilog=example("deadletters list --shop my-shop"))
def list_letters(data: Data = None, shop: Annotated[str | None, typer.Option(help="Only this shop's.")] = None) -> None:
    """List what could not be processed, with the reasons: a line of JSON for each, the last parked first."""
    for each in results(data, "deadletters.list", shop=shop):
        show(each)


@app.command("show", epilog=example("deadletters show commerce.purchases.v1.dlt:0:17"))
def show_letter(id: Annotated[str, typer.Argument(help=_ID)], data: Data = None) -> None:
    """Show one dead letter."""
    for each in results(data, "deadletters.show", id=id):
        show(each)


@app.command(epilog=example("deadletters replay commerce.purchases.v1.dlt:0:17"))
def replay(ids: Annotated[list[str], typer.Argument(help=_ID)], data: Data = None) -> None:
    """Offer dead letters again; twice does no harm."""
    for each in results(data, "deadletters.replay", ids=ids):
        show(each)
