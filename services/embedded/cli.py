"""The command line `tastegraph`: results on stdout, progress and logs on stderr, one line for an error."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from shared import logs
from shared.config import Settings
from shared.errors import TastegraphError, UsageError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Tastegraph: what people buy and like, grown into a knowledge graph, told as emails and vision boards.\n\n"
    "Start with `tastegraph demo`, or: `tastegraph serve`, `tastegraph keys create --shop my-shop --scope admin`, "
    "`tastegraph import --shop my-shop purchases.ndjson`, `tastegraph email --shop my-shop --user U --out mail`.",
)
keys = typer.Typer(no_args_is_help=True, help="API keys: make, list, end.")
graph = typer.Typer(no_args_is_help=True, help="The knowledge graph: compare it with the ledger, mend it, copy it.")
dead = typer.Typer(no_args_is_help=True, help="What could not be processed: look at it, offer it again.")
topics = typer.Typer(no_args_is_help=True, help="The topics that events travel on.")
for name, group in {"keys": keys, "graph": graph, "deadletters": dead, "topics": topics}.items():
    app.add_typer(group, name=name)

Data = Annotated[Path | None, typer.Option("--data", help="Data directory [default: TASTEGRAPH_DATA or .tastegraph].")]
Shop = Annotated[str, typer.Option("--shop", help="The shop.")]
EMAIL_FILES = {"html": "email.html", "text": "email.txt", "headers": "email.headers"}
BOARD_FILES = {"json": "board.json", "picture": "board.png", "webp": "board.webp", "svg": "board.svg"}
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


def settings_for(data: Path | None, **changes: Any) -> Settings:
    """Return the settings, with what the command line says on top."""
    given = {name: value for name, value in {"data": data, **changes}.items() if value is not None}
    settings = Settings(**given)
    logs.configure(settings)
    return settings


def lines(data: Path | None, operation: str, **arguments: Any) -> Iterator[dict[str, Any]]:
    """Run an operation here, or in the process that owns the data directory; yield its lines."""
    from services.embedded.session import session

    yield from session(settings_for(data, log_level="error"), operation, arguments)


def results(data: Path | None, operation: str, **arguments: Any) -> Iterator[Any]:
    """Yield the results of an operation only."""
    for line in lines(data, operation, **arguments):
        if "result" in line:
            yield line["result"]


def show(value: Any) -> None:
    """Print a result as a line of JSON."""
    typer.echo(json.dumps(value, ensure_ascii=False))


@app.command()
def serve(data: Data = None, port: int | None = None, host: str | None = None) -> None:
    """Serve all five services from one process, on files."""
    from services.embedded.serving import serve as serve_forever

    serve_forever(settings_for(data, port=port, host=host))


@app.command()
def demo(
    data: Data = None,
    port: int | None = None,
    households: Annotated[int, typer.Option(min=1, help="Households to load, with their whole year.")] = 100,
    everything: Annotated[bool, typer.Option("--all", help="Load all 1.47 million lines.")] = False,
) -> None:
    """Load a real grocer's year, make an email and a board, and keep serving."""
    from services.embedded.demo import run_demo

    run_demo(settings_for(data, port=port, log_level="warning"), None if everything else households)


@keys.command("create")
def keys_create(
    shop: Shop,
    scope: Annotated[list[str], typer.Option(help="What the key may do; repeat it.")],
    data: Data = None,
) -> None:
    """Make a key; its text is shown this once, alone on stdout."""
    for made in results(data, "keys.create", shop=shop, scopes=scope):
        typer.echo(made["key"])
        typer.echo(f"key {made['id']} of {shop}: {', '.join(made['scopes'])}", err=True)


@keys.command("list")
def keys_list(data: Data = None, shop: str | None = None) -> None:
    """List keys, never their texts."""
    for each in results(data, "keys.list", shop=shop):
        show(each)


@keys.command("revoke")
def keys_revoke(id: str, data: Data = None) -> None:
    """End a key; it works for half a minute more at most."""
    for each in results(data, "keys.revoke", id=id):
        show(each)


@app.command("import")
def import_files(
    files: Annotated[list[Path], typer.Argument(help="NDJSON of the API's objects, CSV or Parquet.")],
    shop: Shop,
    kind: Annotated[str, typer.Option(help="purchases, interests, products or users.")] = "purchases",
    map: Annotated[list[str] | None, typer.Option(help="field=column, for CSV and Parquet.")] = None,
    set: Annotated[list[str] | None, typer.Option(help="field=value for every row, such as currency=EUR.")] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Take files in with their original times; after an interruption, run it again to go on."""
    from services.embedded.progress import import_with_progress

    columns, constants = _pairs(map or [], "--map"), _pairs(set or [], "--set")
    total: dict[str, Any] = {}
    for file in files:
        arguments = {
            "shop": shop,
            "kind": kind,
            "file": str(file.resolve()),
            "columns": columns,
            "constants": constants,
        }
        counted = import_with_progress(lines(data, "import", **arguments), file.name)
        total = {name: _sum(total.get(name), value) for name, value in counted.items()}
    list(lines(data, "refresh", shop=shop))
    if as_json:
        show(total)
    else:
        typer.echo(", ".join(f"{name} {value}" for name, value in total.items()))


def _sum(before: Any, value: Any) -> Any:
    return value if before is None or isinstance(value, str) else round(before + value, 3)


def _pairs(texts: list[str], option: str) -> dict[str, str]:
    pairs = dict(text.partition("=")[::2] for text in texts)
    if any(not name or not value for name, value in pairs.items()):
        raise UsageError(f"{option} takes field=value")
    return pairs


@app.command()
def recommend(
    shop: Shop,
    user: Annotated[str | None, typer.Option(help="One user.")] = None,
    users: Annotated[Path | None, typer.Option(help="A file of user ids, one a line.")] = None,
    at: Annotated[str | None, typer.Option(help="Ignore what came later than this time.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100)] = 10,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Say what to offer: a line of JSON for each user, or a readable list."""
    for each in results(data, "recommend", shop=shop, users=_users(user, users), at=at, limit=limit):
        show(each) if as_json else _read_out(each)


def _users(user: str | None, file: Path | None) -> list[str]:
    if (user is None) == (file is None):
        raise UsageError("give either --user or --users")
    if user is not None:
        return [user]
    try:
        return [line.strip() for line in file.read_text().splitlines() if line.strip()] if file else []
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from None


def _read_out(answer: dict[str, Any]) -> None:
    typer.echo(f"{answer['user_id']} (served by {answer['served_by']})")
    for slate in ("buy_again", "discover"):
        typer.echo(f"  {slate.replace('_', ' ')}")
        for item in answer[slate]:
            typer.echo(f"    {item['name']:<40} {item['reason']}")


@app.command()
def email(
    shop: Shop,
    user: Annotated[str, typer.Option(help="The user.")],
    out: Annotated[Path, typer.Option(help="Directory for the files.")],
    template: str | None = None,
    at: str | None = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make an email: its HTML, text and headers."""
    made = lines(data, "email", shop=shop, user=user, template=template, at=at)
    _deliver(made, out, EMAIL_FILES, as_json=as_json)


@app.command()
def board(
    shop: Shop,
    user: Annotated[str, typer.Option(help="The user.")],
    out: Annotated[Path, typer.Option(help="Directory for the files.")],
    layout: Annotated[str | None, typer.Option(help="wide, square or story.")] = None,
    at: str | None = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make a vision board: its picture and its structure."""
    made = lines(data, "board", shop=shop, user=user, layout=layout, at=at)
    _deliver(made, out, BOARD_FILES, as_json=as_json)


def _deliver(made: Iterator[dict[str, Any]], out: Path, names: dict[str, str], *, as_json: bool) -> None:
    for line in made:
        written = deliver(line, out, names)
        if as_json:
            show({**line["result"], "files": written})
        else:
            typer.echo("\n".join(written.values()) or f"skipped: {line['result'].get('detail')}")


def deliver(line: dict[str, Any], out: Path, names: dict[str, str]) -> dict[str, str]:
    """Write the files of an answer into a directory; return their paths."""
    out.mkdir(parents=True, exist_ok=True)
    written = {}
    for name, data in line.get("files", {}).items():
        path = out / names[name]
        path.write_bytes(base64.b64decode(data))
        written[name] = str(path)
    return written


def _graph_command(word: str, text: str) -> None:
    def command(data: Data = None, as_json: Json = False) -> None:
        for report in results(data, f"graph.{word}"):
            show(report) if as_json else typer.echo(
                "equal" if report.get("equal", True) else json.dumps(report, indent=2)
            )
            if report.get("equal") is False:
                raise typer.Exit(1)

    command.__doc__ = text
    graph.command(word)(command)


def _copy_command(word: str, text: str) -> None:
    def command(directory: Path, data: Data = None, as_json: Json = False) -> None:
        for report in results(data, f"graph.{word}", directory=str(directory.resolve())):
            show(report) if as_json else typer.echo(report["directory"])

    command.__doc__ = text
    graph.command(word)(command)


_graph_command("verify", "Compare the graph with the ledger; exit 0 only if they are equal.")
_graph_command("rebuild", "Make the graph anew from the ledger, prove it, and switch to it.")
_graph_command("repair", "Mend what differs from the ledger.")
_copy_command("snapshot", "Copy the graph into an empty directory.")
_copy_command("restore", "Go back to a copy, then on to what the ledger holds.")


@dead.command("list")
def dead_list(data: Data = None, shop: str | None = None) -> None:
    """List what could not be processed, with the reasons."""
    for each in results(data, "deadletters.list", shop=shop):
        show(each)


@dead.command("show")
def dead_show(id: str, data: Data = None) -> None:
    """Show one dead letter."""
    for each in results(data, "deadletters.show", id=id):
        show(each)


@dead.command("replay")
def dead_replay(ids: list[str], data: Data = None) -> None:
    """Offer dead letters again; twice does no harm."""
    for each in results(data, "deadletters.replay", ids=ids):
        show(each)


@topics.command("check")
def topics_check() -> None:
    """List the topics; the embedded bus makes them by itself."""
    _list_topics()


@topics.command("apply")
def topics_apply() -> None:
    """Make the topics; the embedded bus makes them by itself."""
    _list_topics()


def _list_topics() -> None:
    from shared.contracts.topics import TOPICS

    for topic in TOPICS.values():
        show({"topic": topic.name, "written_by": topic.writers, "read_by": topic.readers})


def main(command: Callable[[], Any] = app) -> None:
    """Run the command line: exit status 0 done, 1 failed, 2 wrong use."""
    try:
        command()
    except TastegraphError as error:
        Console(stderr=True).print(f"tastegraph: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(2 if isinstance(error, UsageError) else 1)
