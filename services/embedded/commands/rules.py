"""`rules`: what to boost, pin and exclude."""

from __future__ import annotations

from typing import Annotated

import typer

from services.embedded.commands.asking import Data, Shop, example, results, show

app = typer.Typer(no_args_is_help=True, help="Business rules: boost, pin or exclude products, categories, prices.")
_CATEGORY = "Products of it; repeat it from broad to narrow."


@app.command("list", epilog=example("rules list --shop my-shop"))
def list_rules(shop: Shop, data: Data = None) -> None:
    """List a shop's rules in the order made: a line of JSON for each."""
    for each in results(data, "rules.list", shop=shop):
        show(each)


@app.command(
    epilog=example(
        "rules add --shop my-shop exclude --product tea",
        "rules add --shop my-shop boost --category GROCERY --category CHEESE --factor 2",
    )
)
def add(
    action: Annotated[str, typer.Argument(help="boost, pin or exclude.")],
    shop: Shop,
    data: Data = None,
    product: Annotated[str | None, typer.Option(help="This product.")] = None,
    category: Annotated[list[str] | None, typer.Option(help=_CATEGORY)] = None,
    price_from: Annotated[str | None, typer.Option(help="Products of this price or more.")] = None,
    price_to: Annotated[str | None, typer.Option(help="Products of this price or less.")] = None,
    currency: Annotated[str | None, typer.Option(help="Of the prices.")] = None,
    factor: Annotated[float | None, typer.Option(help="Of a boost: what a score is times.")] = None,
    starts: Annotated[str | None, typer.Option(help="From when, such as 2027-01-01T00:00:00Z; none: now.")] = None,
    ends: Annotated[str | None, typer.Option(help="Until when; none: until it is removed.")] = None,
    note: Annotated[str | None, typer.Option(help="For people.")] = None,
) -> None:
    """Make a rule about products of which all holds that is given."""
    about = {"product_id": product, "category": category, "price_from": price_from, "price_to": price_to}
    told = {"currency": currency, "factor": factor, "starts_at": starts, "ends_at": ends, "note": note}
    for each in results(data, "rules.add", shop=shop, rule={"action": action, **about, **told}):
        show(each)


@app.command(epilog=example("rules remove --shop my-shop 0c9d7be0a1f24e55"))
def remove(
    id: Annotated[str, typer.Argument(help="The rule's id, as `rules list` shows it.")], shop: Shop, data: Data = None
) -> None:
    """Remove a rule; decisions that rested on it keep it."""
    for each in results(data, "rules.remove", shop=shop, id=id):
        show(each)
