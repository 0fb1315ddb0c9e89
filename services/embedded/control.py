"""Commands for a data directory that another process owns: JSON lines over a Unix socket of its user's."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from shared import errors
from shared.logs import logger

Lines = Iterator[dict[str, Any]]
Run = Callable[[str, Mapping[str, Any]], Lines]

log = logger("embedded")


class ControlServer:
    """Runs commands that other processes send, each in a thread of its own."""

    def __init__(self, path: str, run: Run) -> None:
        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                _answer(self.rfile.readline(), run, self.wfile.write)

        previous = os.umask(0o177)  # the socket is its user's own from the first moment
        try:
            self._server = socketserver.ThreadingUnixStreamServer(path, Handler)
        finally:
            os.umask(previous)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="control", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; commands that are running go on until the process ends."""
        self._server.shutdown()
        self._server.server_close()


def _answer(line: bytes, run: Run, write: Callable[[bytes], object]) -> None:
    try:
        request = json.loads(line)
        for item in run(request["operation"], request["arguments"]):
            write(json.dumps(item).encode() + b"\n")
    except (BrokenPipeError, ConnectionResetError):
        log.info("the asking command went away")
    except Exception as error:
        if not isinstance(error, errors.TastegraphError):
            log.exception("a command failed")
        with contextlib.suppress(OSError):
            write(json.dumps({"error": {"type": type(error).__name__, "message": str(error)}}).encode() + b"\n")


def ask(path: str, operation: str, arguments: Mapping[str, Any]) -> Lines:
    """Send a command to the owner; yield its lines as they come.

    Raises:
        TastegraphError: what the command raised there, as the same type.
        UnavailableError: the owner does not answer.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(path)
        except OSError as error:
            raise errors.UnavailableError(
                f"the owner of the data directory does not answer: {error.strerror}"
            ) from None
        connection.sendall(json.dumps({"operation": operation, "arguments": arguments}).encode() + b"\n")
        with connection.makefile("rb") as answers:
            for line in answers:
                yield _checked(json.loads(line))


def _checked(item: dict[str, Any]) -> dict[str, Any]:
    if problem := item.get("error"):
        kind = getattr(errors, str(problem["type"]), errors.TastegraphError)
        raise kind(problem["message"])
    return item
