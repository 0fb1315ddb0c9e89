"""One service as a process: started, harmed, ended, and kept running as an orchestrator would keep it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from servers.process import free_port

ROOT = Path(__file__).parents[2]
END_SECONDS = 25.0
_PROBES = 3  # so many probes in a row without an answer, and the process is started anew


@dataclass
class Worker:
    """A service's process. `held` means that a fault keeps it as it is: nobody starts or probes it meanwhile."""

    name: str
    module: str
    environment: Mapping[str, str]
    home: Path
    port: int = field(default_factory=free_port)
    operations: int = field(default_factory=free_port)
    held: bool = False
    restarts: int = 0
    bad_ends: list[str] = field(default_factory=list)
    said: str = ""  # what its operations port said last that was not good
    _process: Any = None
    _silent: int = 0
    _begun: bool = False

    @property
    def url(self) -> str:
        """Where it speaks HTTP, if it does."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """Where it writes what it does."""
        return self.home / f"{self.name}.log"

    def start(self) -> None:
        """Start it; it may not be ready yet."""
        own = {"TASTEGRAPH_PORT": str(self.port), "TASTEGRAPH_OPERATIONS_PORT": str(self.operations)}
        paths = {"PYTHONPATH": str(ROOT / "tests"), "PYTHONFAULTHANDLER": "1"}
        command = [sys.executable, "-W", "ignore", "-m", *self.module.split()]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **self.environment, **own, **paths},
                start_new_session=True,
            )
        self._silent, self._begun = 0, False

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it still runs."""
        if self.runs():
            os.kill(self._process.pid, number)

    def runs(self) -> bool:
        """Say whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def end(self) -> None:
        """End it as an orchestrator does; it must end well, and in time."""
        self.send(signal.SIGCONT)
        begun, ran = time.monotonic(), self.runs()
        self.send(signal.SIGTERM)
        try:
            code = self._process.wait(END_SECONDS + 2)
        except subprocess.TimeoutExpired:
            self.bad_ends.append(f"{self.name} did not end within {END_SECONDS:.0f} s of SIGTERM")
            self.kill()
            return
        born = self._begun or code != -signal.SIGTERM  # Python itself may not have begun to listen
        if ran and born and code != 0:
            self.bad_ends.append(f"{self.name} ended with {code} after {time.monotonic() - begun:.1f} s")

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self.send(signal.SIGKILL)
        self._process.wait(10)

    def tend(self) -> None:
        """Start it again if it has ended; kill it if it no longer answers for its life."""
        if self.held:
            return
        if not self.runs():
            self.restarts += 1
            self.start()
        elif self.answers("/livez", 2.0) is not None:
            self._silent, self._begun = 0, True
        elif self._begun:  # who is still starting has all the time it wants
            self._silent += 1
            if self._silent >= _PROBES:
                self.kill()

    def answers(self, path: str, seconds: float = 5.0) -> int | None:
        """Return the status of an answer on the operations port; none if there is no answer, or it is not alive."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.operations}{path}", timeout=seconds) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                self.said = error.read().decode(errors="replace")
            return None if path == "/livez" else error.code
        except OSError as error:
            self.said = str(error)
            return None
