"""`recommend`, `email` and `board`: what the graph says of a user."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from services.embedded.commands.asking import At, Data, Json, Shop, User, example, lines, note, results, show
from shared.errors import UsageError

app = typer.Typer()
Out = Annotated[Path, typer.Option(help="Directory for the files; made if need be.")]
EMAIL_FILES = {"html": "email.html", "text": "email.txt", "headers": "email.headers"}
BOARD_FILES = {"json": "board.json", "picture": "board.png", "webp": "board.webp", "svg": "board.svg"}


@app.command(epilog=example("recommend --shop my-shop --user ann", "recommend --shop my-shop --users users.txt --json"))
def recommend(
    shop: Shop,
    user: Annotated[str | None, typer.Option(help="One user.")] = None,
    users: Annotated[Path | None, typer.Option(help="A file of user ids, one a line.")] = None,
    at: At = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Items of each list.")] = 10,
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
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: {getattr(error, 'strerror', None) or 'is not text in UTF-8'}") from None


def _read_out(answer: dict[str, Any]) -> None:
    typer.echo(f"{answer['user_id']} (served by {answer['served_by']})")
    for slate in ("buy_again", "discover"):
        typer.echo(f"  {slate.replace('_', ' ')}{'' if answer[slate] else ': nothing'}")
        for item in answer[slate]:
            typer.echo(f"    {item['name']:<40} {item['reason']}")


@app.command(epilog=example("email --shop my-shop --user ann --out mail"))
def email(
    shop: Shop,
    user: User,
    out: Out,
    template: Annotated[str | None, typer.Option(help="A template's name (default: what suits the user).")] = None,
    at: At = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make an email: its HTML, text and headers."""
    made = lines(data, "email", shop=shop, user=user, template=template, at=at)
    _deliver(made, out, EMAIL_FILES, as_json=as_json)


@app.command(epilog=example("board --shop my-shop --user ann --out board --layout story"))
def board(
    shop: Shop,
    user: User,
    out: Out,
    layout: Annotated[str | None, typer.Option(help="wide, square or story.")] = None,
    at: At = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make a vision board: its picture and its structure."""
    made = lines(data, "board", shop=shop, user=user, layout=layout, at=at)
    _deliver(made, out, BOARD_FILES, as_json=as_json)


def _deliver(made: Iterator[dict[str, Any]], out: Path, names: dict[str, str], *, as_json: bool) -> None:
    for line in made:
        written, result = deliver(line, out, names), line["result"]
        if as_json:
            show({**result, "files": written})
            continue
        if result.get("fallback"):
            note(f"served by the fallback {result['fallback']}: {result.get('fallback_reason')}")
        typer.echo("\n".join(written.values()) or f"skipped: {result.get('detail')}")


def deliver(line: dict[str, Any], out: Path, names: dict[str, str]) -> dict[str, str]:
    """Write the files of an answer into a directory; return their paths.

    Raises:
        UsageError: the directory cannot be written to.
    """
    written = {}
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, data in line.get("files", {}).items():
            path = out / names[name]
            path.write_bytes(base64.b64decode(data))
            written[name] = str(path)
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from None
    return written
