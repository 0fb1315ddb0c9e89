"""`serve` and `demo`."""

from __future__ import annotations

from typing import Annotated

import typer

from services.embedded.commands.asking import Data, example, settings_for

app = typer.Typer()
Port = Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one (default: 8080).")]
Host = Annotated[str | None, typer.Option(help="Address to listen on (default: 127.0.0.1).")]


@app.command(epilog=example("serve --port 8080 --data shop-data"))
def serve(data: Data = None, port: Port = None, host: Host = None) -> None:
    """Serve all five services from one process, on files, until Ctrl-C or SIGTERM; say `ready URL` once it is."""
    from services.embedded.serving import serve as serve_forever

    serve_forever(settings_for(data, port=port, host=host))


@app.command(epilog=example("demo --households 20", "demo --all"))
def demo(
    data: Data = None,
    port: Port = None,
    households: Annotated[int, typer.Option(min=1, help="Households to load, with their whole year.")] = 100,
    everything: Annotated[bool, typer.Option("--all", help="Load all 1.47 million lines.")] = False,
) -> None:
    """Load a real grocer's year, make an email and a board, and keep serving."""
    from services.embedded.demo import run_demo

    run_demo(settings_for(data, port=port, log_level="warning"), None if everything else households)
