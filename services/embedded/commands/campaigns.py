"""`campaigns`: emails or boards for many, as one job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from services.embedded.commands import meant
from services.embedded.commands.asking import Data, Shop, example, results, show
from services.embedded.commands.meant import given

app = typer.Typer(no_args_is_help=True, help="Emails or boards for many, as one job: begin, look, pause, end.")
Id = Annotated[str, typer.Argument(help="The campaign's id, as `campaigns list` shows it.")]
_PERIOD = "It reaches a user once in a period, such as 2026-W47; none: once ever."


@app.command("list", epilog=example("campaigns list --shop my-shop"))
def list_campaigns(shop: Shop, data: Data = None) -> None:
    """List a shop's campaigns, last changed first: a line of JSON for each."""
    _told(data, "campaigns.list", shop=shop)


@app.command("show", epilog=example("campaigns show --shop my-shop 0c9d7be0a1f24e55"))
def show_campaign(id: Id, shop: Shop, data: Data = None) -> None:
    """Show a campaign and how far it has come."""
    _told(data, "campaigns.show", shop=shop, id=id)


@app.command(
    epilog=example(
        "campaigns start --shop my-shop --name spring --interest Cycling",
        "campaigns start --shop my-shop --name back --period 2026-W47 --category GROCERY --lapsed-since 2026-01-01",
    )
)
def start(
    shop: Shop,
    name: Annotated[str, typer.Option(help="What it is called.")],
    data: Data = None,
    period: Annotated[str | None, typer.Option(help=_PERIOD)] = None,
    makes: Annotated[str, typer.Option(help="What is made for each: emails or boards.")] = "emails",
    template: Annotated[str | None, typer.Option(help="Of emails: name or name@version.")] = None,
    layout: Annotated[str | None, typer.Option(help="Of boards: wide, square or story.")] = None,
    user: meant.Users = None,
    everyone: Annotated[bool, typer.Option("--everyone", help="All users of the shop.")] = False,
    interest: meant.Interest = None,
    category: meant.Category = None,
    product: meant.Product = None,
    bought_since: meant.BoughtSince = None,
    lapsed_since: meant.LapsedSince = None,
) -> None:
    """Begin a campaign for users, everyone, or all for whom everything holds that is given; a server drives it on."""
    held = {"interest": interest, "category": category, "product_id": product}
    moments = {"bought_since": bought_since, "lapsed_since": lapsed_since}
    segment = given(users=user, everyone=everyone, **held, **moments)
    what = given(campaign=name, period=period, makes=makes, template=template, layout=layout)
    _told(data, "campaigns.start", shop=shop, campaign={**what, "segment": segment})


@app.command(epilog=example("campaigns pause --shop my-shop 0c9d7be0a1f24e55"))
def pause(id: Id, shop: Shop, data: Data = None) -> None:
    """Let what was asked for end, and begin nothing more."""
    _told(data, "campaigns.steer", shop=shop, id=id, status="paused")


@app.command(epilog=example("campaigns resume --shop my-shop 0c9d7be0a1f24e55"))
def resume(id: Id, shop: Shop, data: Data = None) -> None:
    """Let a paused campaign go on."""
    _told(data, "campaigns.steer", shop=shop, id=id, status="running")


@app.command(epilog=example("campaigns cancel --shop my-shop 0c9d7be0a1f24e55"))
def cancel(id: Id, shop: Shop, data: Data = None) -> None:
    """End a campaign for good."""
    _told(data, "campaigns.steer", shop=shop, id=id, status="cancelled")


def _told(data: Path | None, operation: str, **arguments: Any) -> None:
    for each in results(data, operation, **arguments):
        show(each)
