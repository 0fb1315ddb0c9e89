"""`audit`: who did what."""

from __future__ import annotations

from typing import Annotated

import typer

from services.embedded.commands.asking import Data, Shop, example, results, show

app = typer.Typer()


@app.command(epilog=example("audit --shop my-shop --limit 20"))
def audit(
    shop: Shop, data: Data = None, limit: Annotated[int, typer.Option(min=1, help="Entries at most.")] = 100
) -> None:
    """List who did what to keys, templates, erasures, dead letters and the graph, newest first."""
    for each in results(data, "audit", shop=shop, limit=limit):
        show(each)
