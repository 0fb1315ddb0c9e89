"""One command on a data directory: by taking the directory, or by asking the process that has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from services.embedded.control import ControlServer, ask
from services.embedded.operations import run
from services.embedded.ownership import OwnedError
from services.embedded.runtime import Runtime, favour_readers, open_runtime
from shared.config import Settings


def session(settings: Settings, operation: str, arguments: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Run an operation where the data is; yield its lines.

    Raises:
        TastegraphError: what the operation raised.
    """
    try:
        runtime = open_runtime(settings, operation)
    except OwnedError as owned:
        if owned.owner is None:
            raise
        yield from ask(owned.owner.socket, operation, arguments)
        return
    favour_readers()
    control = listen(runtime)
    try:
        runtime.start()
        yield from run(runtime, operation, arguments)
    finally:
        control.stop()
        runtime.stop()


def listen(runtime: Runtime) -> ControlServer:
    """Take commands of other processes for this runtime."""
    control = ControlServer(runtime.ownership.owner.socket, partial(run, runtime))
    control.start()
    return control
