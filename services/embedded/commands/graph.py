"""`graph`: the knowledge graph against its ledger."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from services.embedded.commands.asking import Data, Json, example, results, show

app = typer.Typer(no_args_is_help=True, help="The knowledge graph: compare it with the ledger, mend it, copy it.")
Directory = Annotated[Path, typer.Argument(help="Directory of the copy.")]


@app.command(epilog=example("graph verify --json"))
def verify(data: Data = None, as_json: Json = False) -> None:
    """Compare the graph with the ledger; exit 0 only if they are equal."""
    _reported(data, "graph.verify", as_json=as_json)


@app.command(epilog=example("graph rebuild"))
def rebuild(data: Data = None, as_json: Json = False) -> None:
    """Make the graph anew from the ledger, prove it, and switch to it."""
    _reported(data, "graph.rebuild", as_json=as_json)


@app.command(epilog=example("graph repair"))
def repair(data: Data = None, as_json: Json = False) -> None:
    """Mend what differs from the ledger."""
    _reported(data, "graph.repair", as_json=as_json)


def _reported(data: Path | None, operation: str, *, as_json: bool) -> None:
    for report in results(data, operation):
        if as_json:
            show(report)
        else:
            typer.echo("equal" if report.get("equal", True) else json.dumps(report, indent=2, ensure_ascii=False))
        if report.get("equal") is False:
            raise typer.Exit(1)


@app.command(epilog=example("graph snapshot copies/monday"))
def snapshot(directory: Directory, data: Data = None, as_json: Json = False) -> None:
    """Copy the graph into an empty directory."""
    _copied(data, "graph.snapshot", directory, as_json=as_json)


@app.command(epilog=example("graph restore copies/monday"))
def restore(directory: Directory, data: Data = None, as_json: Json = False) -> None:
    """Go back to a copy, then on to what the ledger holds."""
    _copied(data, "graph.restore", directory, as_json=as_json)


def _copied(data: Path | None, operation: str, directory: Path, *, as_json: bool) -> None:
    report: Any
    for report in results(data, operation, directory=str(directory.resolve())):
        show(report) if as_json else typer.echo(report["directory"])
