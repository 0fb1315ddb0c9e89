"""A server as a process: started, waited for, ended by its own id and no other."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_READY = 90.0  # seconds
_END = 20.0
_CHANCE = random.SystemRandom()  # two test processes that were seeded alike would choose alike


class NotReadyError(Exception):
    """A server did not become ready; its last lines are in the message."""


@dataclass
class Server:
    """A server that runs: where it answers, how to begin it again on the same files."""

    name: str
    url: str
    port: int
    command: Sequence[str | Path]
    home: Path
    ready: Callable[[Server], bool]
    environment: dict[str, str] = field(default_factory=dict)
    pid: int = 0

    @property
    def log(self) -> Path:
        """Where it writes what it does."""
        return self.home / f"{self.name}.log"

    def start(self) -> Server:
        """Start it and wait until it is ready.

        Raises:
            NotReadyError: it ended, or did not become ready in time.
        """
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(part) for part in self.command],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=self.home,
                env={**os.environ, **self.environment},
                start_new_session=True,  # Ctrl-C in the terminal ends the tests, and those end the servers
            )
        self.pid = self._process.pid
        deadline = time.monotonic() + _READY
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise NotReadyError(f"{self.name}: {self.last_lines()}")
            time.sleep(0.1)
        return self

    def send(self, number: signal.Signals) -> None:
        """Send it a signal: SIGSTOP and SIGCONT pause it, SIGKILL is a crash."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self.send(signal.SIGKILL)
        self._process.wait(_END)

    def stop(self) -> None:
        """End it; at once if it does not end by itself."""
        end(self.pid)
        self._process.wait(_END)

    def last_lines(self) -> str:
        """Return the end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])

    def _is_ready(self) -> bool:
        try:
            return self.ready(self)
        except OSError:
            return False


def end(pid: int) -> None:
    """End the process with this id, if there is one."""
    try:
        process = psutil.Process(pid)
        process.send_signal(signal.SIGCONT)  # a paused one would not hear
        process.terminate()
        process.wait(_END)
    except psutil.NoSuchProcess:
        return
    except psutil.TimeoutExpired:
        process.kill()


def free_port() -> int:
    """Return a loopback port that was free a moment ago, below those that systems give to outgoing connections."""
    while True:
        port = _CHANCE.randrange(10_000, 32_000)
        with socket.socket() as taken, contextlib.suppress(OSError):
            taken.bind(("127.0.0.1", port))
            return port


def listens(server: Server) -> bool:
    """Return whether something accepts connections on the server's port."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=1):
        return True
