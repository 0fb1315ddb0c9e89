"""What every command shares: its options, how it asks for an operation, how it prints."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from shared import logs
from shared.config import Settings
from shared.process import load_settings

Data = Annotated[Path | None, typer.Option("--data", help="Data directory (default: TASTEGRAPH_DATA or .tastegraph).")]
Shop = Annotated[str, typer.Option("--shop", help="The shop.")]
User = Annotated[str, typer.Option("--user", help="The user.")]
At = Annotated[str | None, typer.Option("--at", help="Ignore what came later, such as 2026-05-03T10:00:00Z.")]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


def example(*lines: str) -> str:
    """Return a help text's last words: how the command is used."""
    return "\n\n".join([f"Example{'s' if len(lines) > 1 else ''}:", *(f"tastegraph {line}" for line in lines)])


def settings_for(data: Path | None, **changes: Any) -> Settings:
    """Return the settings, with what the command line says on top.

    Raises:
        UsageError: one of them cannot be used.
    """
    settings = load_settings(**{name: value for name, value in {"data": data, **changes}.items() if value is not None})
    logs.configure(settings)
    return settings


def lines(data: Path | None, operation: str, **arguments: Any) -> Iterator[dict[str, Any]]:
    """Run an operation here, or in the process that owns the data directory; yield its lines."""
    from services.embedded.session import session

    level = os.environ.get("TASTEGRAPH_LOG_LEVEL", "error")  # the result is what is wanted here, unless asked otherwise
    yield from session(settings_for(data, log_level=level), operation, arguments)


def results(data: Path | None, operation: str, **arguments: Any) -> Iterator[Any]:
    """Yield the results of an operation only."""
    for line in lines(data, operation, **arguments):
        if "result" in line:
            yield line["result"]


def show(value: Any) -> None:
    """Print a result as a line of JSON."""
    typer.echo(json.dumps(value, ensure_ascii=False))


def note(text: str) -> None:
    """Say something beside the result."""
    typer.echo(text, err=True)
