"""`topics`: what events travel on."""

from __future__ import annotations

import typer

from services.embedded.commands.asking import Data, example, note, settings_for, show
from shared.contracts.topics import TOPICS
from shared.engines import open_topics
from shared.errors import UnavailableError

app = typer.Typer(no_args_is_help=True, help="The topics that events travel on.")


@app.command(epilog=example("topics check"))
def check(data: Data = None) -> None:
    """List the topics; exit 0 only if they are as declared. The embedded bus makes them by itself."""
    _list()
    administration = open_topics(settings_for(data))
    if administration and (wrong := administration.check()):
        raise UnavailableError(f"{'; '.join(wrong)}: run `tastegraph topics apply`")


@app.command(epilog=example("topics apply"))
def apply(data: Data = None) -> None:
    """Make the topics that are missing, and mend what differs. The embedded bus makes them by itself."""
    administration = open_topics(settings_for(data))
    for done in administration.apply() if administration else ():
        note(done)
    _list()


def _list() -> None:
    for topic in TOPICS.values():
        show({"topic": topic.name, "written_by": topic.writers, "read_by": topic.readers})
