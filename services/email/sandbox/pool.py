"""Warm children that render shops' templates, each under a deadline: a bad template costs its child only."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from services.email.sandbox.child import LENGTH
from services.email.sandbox.errors import TemplateFaultError
from shared.errors import UnavailableError
from shared.logs import logger

DEADLINE = 2.0  # seconds for one rendering
_START = 20.0  # … for a child to be ready, on a busy machine
_LARGEST_ANSWER = 8 << 20
_log = logger("email")


@dataclass(frozen=True)
class Filled:
    """What a shop's template made of an email's values."""

    subject: str
    preheader: str
    html: str
    text: str


class Sandbox:
    """Renders shops' templates. Thread-safe; children start when they are first needed."""

    def __init__(self, deadline: float = DEADLINE) -> None:
        self._deadline = deadline
        self._idle: list[_Child] = []
        self._lock = threading.Lock()

    def render(self, draft: Mapping[str, Any], values: Mapping[str, Any]) -> Filled:
        """Return what a template makes of an email's values.

        Raises:
            TemplateFaultError: the template is broken, or wants more time or memory than there is.
            UnavailableError: no child can be started.
        """
        child = self._take()
        try:
            answer = child.ask({"draft": dict(draft), "values": dict(values)}, self._deadline)
        except (OSError, ValueError) as error:
            child.kill()
            slow = isinstance(error, TimeoutError)
            _log.warning("a template's child was ended", reason="slow" if slow else "crashed")
            detail = f"it takes longer than {self._deadline:g} s" if slow else "the renderer crashed: it is too much"
            raise TemplateFaultError("mjml", detail) from None
        with self._lock:
            self._idle.append(child)
        if "fault" in answer:
            raise TemplateFaultError(**answer["fault"])
        return Filled(**answer["rendered"])

    def close(self) -> None:
        """End the children."""
        with self._lock:
            ended, self._idle = self._idle, []
        for child in ended:
            child.kill()

    def _take(self) -> _Child:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return _Child()


class _Child:
    """One process, and the socket to it."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 (our own module, by our own interpreter)
                [sys.executable, "-m", "services.email.sandbox.child", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,  # a crash's last words could hold personal data
                env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},  # and none of our secrets
                start_new_session=True,  # Ctrl-C is for us
            )
        try:
            self._receive(time.monotonic() + _START)
        except (OSError, ValueError) as error:
            self.kill()
            raise UnavailableError("the templates' child process does not start") from error

    def ask(self, message: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """Send a message and return the answer.

        Raises:
            TimeoutError: the child takes too long.
            OSError: it is gone.
            ValueError: what it answers is no answer.
        """
        until = time.monotonic() + seconds
        body = json.dumps(message).encode()
        self._socket.settimeout(seconds)
        self._socket.sendall(LENGTH.pack(len(body)) + body)
        return self._receive(until)

    def kill(self) -> None:
        """End the child, whatever it does."""
        self._socket.close()
        with suppress(OSError):
            self._process.kill()
        self._process.wait()

    def _receive(self, until: float) -> dict[str, Any]:
        (size,) = LENGTH.unpack(self._exactly(LENGTH.size, until))
        if size > _LARGEST_ANSWER:
            raise ValueError("the answer is too large")
        return dict(json.loads(self._exactly(size, until)))

    def _exactly(self, size: int, until: float) -> bytes:
        taken = bytearray()
        while len(taken) < size:
            self._socket.settimeout(max(0.001, until - time.monotonic()))
            piece = self._socket.recv(size - len(taken))
            if not piece:
                raise ConnectionResetError("the child is gone")
            taken += piece
        return bytes(taken)
