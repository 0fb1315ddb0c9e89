"""The command line `tastegraph`: results on stdout, progress and logs on stderr, one line for an error."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import typer

from services.embedded.commands import (
    audit,
    bench,
    campaigns,
    deadletters,
    exporting,
    files,
    graph,
    keys,
    making,
    rules,
    serving,
    topics,
)
from shared.errors import UnavailableError
from shared.process import complain

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Tastegraph: what people buy and like, grown into a knowledge graph, told as emails and vision boards.\n\n"
    "Start with `tastegraph demo`, or: `tastegraph serve`, `tastegraph keys create --shop my-shop --scope admin`, "
    "`tastegraph import --shop my-shop purchases.ndjson`, `tastegraph email --shop my-shop --user U --out mail`.",
)
for part in (serving, files, making, audit, bench):
    app.add_typer(part.app)
GROUPS = {
    "export": exporting,
    "graph": graph,
    "keys": keys,
    "campaigns": campaigns,
    "rules": rules,
    "deadletters": deadletters,
    "topics": topics,
}
for name, group in GROUPS.items():
    app.add_typer(group.app, name=name)


def main(command: Callable[[], Any] = app) -> None:
    """Run the command line: exit status 0 done, 1 failed, 2 wrong use."""
    signal.signal(signal.SIGTERM, _interrupted)
    signal.signal(signal.SIGINT, _interrupted)
    try:
        command()
    except Exception as error:  # noqa: BLE001 (the last place where one line can still be made of it)
        sys.exit(complain(error))


def _interrupted(number: int, _: object) -> NoReturn:
    """Unwind, so that the directory is let go in order; a second time, just end."""
    signal.signal(number, signal.SIG_DFL)
    raise UnavailableError("interrupted; what was done stays done, run it again to go on")
