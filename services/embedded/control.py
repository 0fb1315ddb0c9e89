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
from shared.process import explained

Lines = Iterator[dict[str, Any]]
Run = Callable[[str, Mapping[str, Any]], Lines]

log = logger("embedded")
_END = b'{"end": true}\n'  # an answer without it was cut off


class ControlServer:
    """Runs commands that other processes send, each in a thread of its own."""

    def __init__(self, path: str, run: Run) -> None:
        self._stopping = threading.Event()
        self._idle = threading.Condition()
        self._running = 0
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with outer._counted():
                    _answer(self.rfile.readline(), outer._until_stopped(run), self.wfile.write)

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

    def stop(self, timeout: float = 5.0) -> bool:
        """Stop listening, and end commands at their next line; say whether all have ended within `timeout` seconds."""
        self._stopping.set()
        self._server.shutdown()
        self._server.socket.close()
        with self._idle:
            return self._idle.wait_for(lambda: not self._running, timeout)

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        with self._idle:
            self._running += 1
        try:
            yield
        finally:
            with self._idle:
                self._running -= 1
                self._idle.notify_all()

    def _until_stopped(self, run: Run) -> Run:
        def lines(operation: str, arguments: Mapping[str, Any]) -> Lines:
            for line in run(operation, arguments):
                yield line
                if self._stopping.is_set() and "result" not in line:
                    raise errors.UnavailableError("the process that owns the data is ending; run the command again")

        return lines


def _answer(line: bytes, run: Run, write: Callable[[bytes], object]) -> None:
    try:
        request = json.loads(line)
        for item in run(request["operation"], request["arguments"]):
            write(json.dumps(item).encode() + b"\n")
        write(_END)
    except (BrokenPipeError, ConnectionResetError):
        log.info("the asking command went away")
    except Exception as error:
        if not isinstance(error, errors.TastegraphError):
            log.exception("a command failed")
        with contextlib.suppress(OSError):
            write(json.dumps({"error": {"type": type(error).__name__, "message": _told(error)}}).encode() + b"\n")


def _told(error: Exception) -> str:
    if isinstance(error, errors.TastegraphError):
        return explained(error)
    return f"this should not have happened ({type(error).__name__}); the owner's log shows where"


def ask(path: str, operation: str, arguments: Mapping[str, Any]) -> Lines:
    """Send a command to the owner; yield its lines as they come.

    Raises:
        TastegraphError: what the command raised there, as the same type.
        UnavailableError: the owner does not answer.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(path)
            connection.sendall(json.dumps({"operation": operation, "arguments": arguments}).encode() + b"\n")
        except OSError as error:
            raise errors.UnavailableError(
                f"the owner of the data directory does not answer ({error.strerror}); run the command again"
            ) from None
        for line in _heard(connection):
            if line == _END:
                return
            yield _checked(json.loads(line))
        raise errors.UnavailableError("the owner of the data directory ended before the command did; run it again")


def _heard(connection: socket.socket) -> Iterator[bytes]:
    """Yield whole lines until the owner closes the connection, or ends so abruptly that it is reset."""
    with connection.makefile("rb") as answers, contextlib.suppress(ConnectionResetError):
        for line in answers:
            if line.endswith(b"\n"):
                yield line


def _checked(item: dict[str, Any]) -> dict[str, Any]:
    if problem := item.get("error"):
        kind = getattr(errors, str(problem["type"]), errors.TastegraphError)
        raise kind(problem["message"])
    return item
