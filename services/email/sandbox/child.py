"""The child: takes limits upon itself, then renders one template after another for the process that started it."""

from __future__ import annotations

import json
import resource
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from services.email.sandbox.errors import TemplateFaultError

MEMORY = 512 << 20  # bytes of address space; a warm child needs 150 MiB
CPU_SECONDS = 3  # for one rendering; the parent's deadline comes first, unless the parent is gone
LENGTH = struct.Struct("!I")
_TEXT = "<mj-section><mj-column><mj-text>{}</mj-text></mj-column></mj-section>"
_PAGE = f'<mjml><mj-body css-class="page">{_TEXT}</mj-body></mjml>'

Render = Callable[[dict[str, Any], dict[str, Any]], dict[str, str]]


def main() -> None:
    """Render what comes over the socket that was inherited, until it is closed."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    render = _warm()
    _limit()
    _send(connection, {"ready": True})
    while (asked := _receive(connection)) is not None:
        _allow_more_time()
        _send(connection, _answer(render, asked))


def _warm() -> Render:
    """Import all that rendering needs, its errors too, while files may still be opened."""
    from services.email.sandbox.rendering import render

    values = {"language": "en", "direction": "ltr"}
    for text in ("{{ language }}", "{{ unknown }}", "{% if %}"):
        with suppress(TemplateFaultError):
            render({"subject": "s", "preheader": "p", "mjml": _PAGE.format(text)}, values)
    return render


def _limit() -> None:
    """No files, no sockets, no processes, no core, bounded memory: whatever a template breaks out to."""
    sys.setrecursionlimit(600)
    none = (0, 0)
    for what in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC, resource.RLIMIT_NOFILE):
        resource.setrlimit(what, none)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _allow_more_time() -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.RLIM_INFINITY))


def _answer(render: Render, asked: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"rendered": render(asked["draft"], asked["values"])}
    except TemplateFaultError as error:
        return {"fault": {"part": error.part, "detail": error.detail, "line": error.line}}
    except MemoryError:
        return {"fault": {"part": "mjml", "detail": "it needs too much memory", "line": None}}
    except Exception as error:  # noqa: BLE001 (the child must answer; the parent names the reason)
        return {"fault": {"part": "mjml", "detail": f"it failed: {type(error).__name__}", "line": None}}


def _send(connection: socket.socket, message: dict[str, Any]) -> None:
    body = json.dumps(message).encode()
    connection.sendall(LENGTH.pack(len(body)) + body)


def _receive(connection: socket.socket) -> dict[str, Any] | None:
    head = _exactly(connection, LENGTH.size)
    if head is None:
        return None
    body = _exactly(connection, LENGTH.unpack(head)[0])
    return None if body is None else dict(json.loads(body))


def _exactly(connection: socket.socket, size: int) -> bytes | None:
    taken = bytearray()
    while len(taken) < size:
        piece = connection.recv(size - len(taken))
        if not piece:
            return None
        taken += piece
    return bytes(taken)


if __name__ == "__main__":
    main()
