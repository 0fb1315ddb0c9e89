"""`export`: tables out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from services.embedded.commands import meant
from services.embedded.commands.asking import Data, Json, Shop, example, note, results, show
from shared.errors import UsageError

app = typer.Typer(no_args_is_help=True, help="Take the graph, trends, communities or recommendations out, as files.")
Out = Annotated[Path, typer.Option("--out", help="Directory for the files; made if need be.")]
Format = Annotated[str, typer.Option("--format", help="csv or parquet.")]
Period = Annotated[str, typer.Option(help="day, week or month.")]


@app.command(epilog=example("export graph --shop my-shop --format graphml --out graph"))
def graph(
    shop: Shop,
    out: Out,
    format: Annotated[str, typer.Option("--format", help="graphml, parquet or csv.")] = "graphml",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Write a shop's nodes and edges: graph.graphml, or nodes and edges as two tables."""
    from shared.exporting.files import split, write_graphml

    _checked(format, "graphml", "parquet", "csv")
    rows = results(data, "export.graph", shop=shop)
    if format == "graphml":
        path = _directory(out) / "graph.graphml"
        with path.open("wb") as file:
            _told({str(path): write_graphml(rows, file)}, as_json=as_json)
        return
    nodes, edges = split(rows, lambda row: "node" in row)
    written = _table(nodes, out, "nodes", format) | _table(iter(edges), out, "edges", format)
    _told(written, as_json=as_json)


@app.command(epilog=example("export trends --shop my-shop --by category --period week --format csv --out trends"))
def trends(
    shop: Shop,
    out: Out,
    by: Annotated[str, typer.Option(help="total, product, category or interest.")] = "total",
    period: Period = "month",
    user: Annotated[str | None, typer.Option(help="One user's only.")] = None,
    since: Annotated[str | None, typer.Option(help="Not before this time.")] = None,
    until: Annotated[str | None, typer.Option(help="Before this time.")] = None,
    compare: Annotated[bool, typer.Option("--compare", help="Each row with the period before it.")] = False,
    format: Format = "csv",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Write counts, quantities, revenue and buyers, period by period; the latest 10,000 rows at most."""
    _checked(format, "csv", "parquet")
    asked = {"shop": shop, "by": by, "period": period, "user": user, "since": since, "until": until, "compare": compare}
    table = "compared" if compare else "trends"
    _told(_table(results(data, "export.trends", **asked), out, "trends", format, table), as_json=as_json)


@app.command(
    epilog=example(
        "export recommendations --shop my-shop --format parquet --out offers",
        "export recommendations --shop my-shop --category GROCERY --lapsed-since 2026-01-01 --out offers",
    )
)
def recommendations(
    shop: Shop,
    out: Out,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Items of each slate.")] = 10,
    user: meant.Users = None,
    interest: meant.Interest = None,
    category: meant.Category = None,
    product: meant.Product = None,
    bought_since: meant.BoughtSince = None,
    lapsed_since: meant.LapsedSince = None,
    format: Format = "csv",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Write what to offer every user, or those of a segment, with the reasons: a row for each item."""
    _checked(format, "csv", "parquet")
    held = {"interest": interest, "category": category, "product_id": product}
    segment = meant.given(users=user, **held, bought_since=bought_since, lapsed_since=lapsed_since)
    rows = results(data, "export.recommendations", shop=shop, limit=limit, segment=segment)
    _told(_table(rows, out, "recommendations", format), as_json=as_json)


@app.command(epilog=example("export communities --shop my-shop --out communities"))
def communities(shop: Shop, out: Out, format: Format = "csv", data: Data = None, as_json: Json = False) -> None:
    """Write who is in which community of interest, and what it is called by: a row for each member."""
    _checked(format, "csv", "parquet")
    rows = results(data, "export.communities", shop=shop)
    _told(_table(rows, out, "communities", format), as_json=as_json)


def _checked(format: str, *known: str) -> None:
    if format not in known:
        raise UsageError(f"--format takes {', '.join(known)}")


def _directory(out: Path) -> Path:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{out}: {error.strerror}") from None
    return out


def _table(
    rows: Iterator[Mapping[str, Any]], out: Path, name: str, format: str, table: str | None = None
) -> dict[str, int]:
    from shared.exporting.files import write

    path = _directory(out) / f"{name}.{format}"
    with path.open("wb") as file:
        return {str(path): write(table or name, rows, file, format)}


def _told(written: Mapping[str, int], *, as_json: bool) -> None:
    if as_json:
        show({"files": written})
        return
    for path, count in written.items():
        typer.echo(path)
        note(f"{count} rows")
