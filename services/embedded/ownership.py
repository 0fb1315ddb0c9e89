"""One process owns a data directory: the lock, and the note that tells others how to reach the owner."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from shared.errors import UnavailableError

# A Unix socket's path may not be longer than about 100 bytes; a data directory's may.
_LONGEST_SOCKET_PATH = 100
_PREFIX = "tastegraph-socket-"


@dataclass(frozen=True)
class Owner:
    """Who owns a data directory, and the socket it listens on for commands."""

    pid: int
    socket: str
    command: str
    url: str = ""


class Ownership:
    """Holds a data directory until released; the lock goes with the process, however that ends."""

    def __init__(self, directory: Path, command: str) -> None:
        """Take the directory, making it if need be.

        Raises:
            OwnedError: another process holds it.
            UnavailableError: it cannot be made or written to.
        """
        self.directory = directory
        self._lock = _lock(directory)
        self.owner = Owner(os.getpid(), str(_socket_path(directory)), command)
        self._note()

    def announce(self, url: str) -> None:
        """Add the address of the HTTP server to the note."""
        self.owner = Owner(self.owner.pid, self.owner.socket, self.owner.command, url)
        self._note()

    def release(self) -> None:
        """Let the directory go."""
        socket = Path(self.owner.socket)
        socket.unlink(missing_ok=True)
        if socket.parent.name.startswith(_PREFIX):  # ours alone; the data directory itself is never removed
            with contextlib.suppress(OSError):
                socket.parent.rmdir()
        (self.directory / "owner.json").unlink(missing_ok=True)
        self._lock.close()

    def _note(self) -> None:
        note = self.directory / "owner.json.new"
        note.write_text(json.dumps(asdict(self.owner)))
        note.chmod(0o600)
        note.rename(self.directory / "owner.json")


class OwnedError(UnavailableError):
    """Another process owns the data directory."""

    def __init__(self, directory: Path, owner: Owner | None) -> None:
        who = (
            f"process {owner.pid} ({owner.command}{' at ' + owner.url if owner.url else ''})" if owner else "a process"
        )
        super().__init__(f"{directory} is in use by {who}")
        self.owner = owner


def _lock(directory: Path) -> IO[str]:
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (directory / "lock").open("w")
    except OSError as error:
        raise UnavailableError(f"{directory} cannot be used: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise OwnedError(directory, read_owner(directory)) from None
    return lock


def read_owner(directory: Path) -> Owner | None:
    """Return what the owner of a directory noted, if it has got that far."""
    try:
        return Owner(**json.loads((directory / "owner.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _socket_path(directory: Path) -> Path:
    path = directory.resolve() / "control.sock"
    if len(os.fsencode(path)) > _LONGEST_SOCKET_PATH:
        path = Path(tempfile.mkdtemp(prefix=_PREFIX)) / "control.sock"
    path.unlink(missing_ok=True)
    return path
