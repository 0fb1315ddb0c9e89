"""`bench`: the benchmarks of the source tree, each a program of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from services.embedded.commands.asking import example, note
from shared.errors import UsageError

app = typer.Typer()
BENCHES = Path(__file__).parents[3] / "bench"


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    epilog=example("bench", "bench board", "bench year --households 50"),
)
def bench(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Which; none lists them.")] = None,
) -> None:
    """Run a benchmark; what follows its name is handed on to it. Its figures go to stdout."""
    known = benches()
    if name is None:
        for each, says in known.items():
            typer.echo(f"{each:<12} {says}")
        return
    if name not in known:
        raise UsageError(f"no benchmark is called {name}; there are {', '.join(known) or 'none here'}")
    command = [sys.executable, str(BENCHES / f"{name}.py"), *context.args]
    note(f"running {name}: {known[name]}")
    raise typer.Exit(min(subprocess.run(command, cwd=BENCHES.parent, check=False).returncode, 1))  # noqa: S603 (ours)


def benches() -> dict[str, str]:
    """Return the benchmarks that the source tree holds, and what the first line of each says."""
    return {file.stem: _first_line(file) for file in sorted(BENCHES.glob("[a-z]*.py"))}


def _first_line(file: Path) -> str:
    return file.read_text().lstrip().split("\n", 1)[0].strip('"# ')
