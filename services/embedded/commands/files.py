"""`import`: files in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from services.embedded.commands.asking import Data, Json, Shop, example, lines, note, show
from shared.errors import UsageError

app = typer.Typer()


@app.command(
    "import",
    epilog=example(
        "import --shop my-shop purchases.ndjson",
        "import --shop my-shop till.csv --map purchase_id=basket --map user_id=customer --set currency=EUR",
        "import --shop my-shop --kind products catalogue.parquet",
    ),
)
def import_files(
    files: Annotated[list[Path], typer.Argument(help="NDJSON of the API's objects, CSV or Parquet.")],
    shop: Shop,
    kind: Annotated[str, typer.Option(help="purchases, interests, products or users.")] = "purchases",
    map: Annotated[list[str] | None, typer.Option(help="field=column, for CSV and Parquet; repeat it.")] = None,
    set: Annotated[list[str] | None, typer.Option(help="field=value for every row; repeat it.")] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Take files in with their original times; after an interruption, run it again to go on.

    The last line says what became of the items. Rejected ones are kept in a file, with their reasons.
    """
    from services.embedded.progress import import_with_progress

    given = {"shop": shop, "kind": kind, "columns": _pairs(map or [], "--map"), "constants": _pairs(set or [], "--set")}
    counts = [
        import_with_progress(lines(data, "import", **given, file=str(file.resolve())), file.name) for file in files
    ]
    list(lines(data, "refresh", shop=shop))
    for each in counts:
        if "rejects" in each:
            note(f"{each['rejected']} rejected: {each['rejects']}")
    total = _sum(counts)
    show(total) if as_json else typer.echo(", ".join(f"{name} {value}" for name, value in total.items()))


def _sum(counts: list[dict[str, Any]]) -> dict[str, Any]:
    """Add up the counts of several files; each keeps its own file of rejects."""
    total: dict[str, Any] = {}
    for each in counts:
        for name, value in each.items():
            if name != "rejects":
                total[name] = round(total.get(name, 0) + value, 3)
    rejects = [each["rejects"] for each in counts if "rejects" in each]
    return total | ({"rejects": rejects[0] if len(counts) == 1 else rejects} if rejects else {})


def _pairs(texts: list[str], option: str) -> dict[str, str]:
    pairs = dict(text.partition("=")[::2] for text in texts)
    if any(not name or not value for name, value in pairs.items()):
        raise UsageError(f"{option} takes field=value")
    return pairs
