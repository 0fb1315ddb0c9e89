"""Listening without a group: a thread that shows this process what comes from now on. Both engines use it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from shared.bus.port import Record
from shared.clock import monotonic
from shared.errors import UnavailableError
from shared.logs import logger

_PAUSE_SECONDS = 0.5
_log = logger("bus")


class Source(Protocol):
    """Where the records come from. Used by one thread; both methods raise UnavailableError."""

    def begin(self) -> None:
        """Go to the end of the log: what stands before it is not shown."""

    def poll(self) -> Sequence[Record]:
        """Return what has come since, after waiting a little for it."""

    def end(self) -> None:
        """Let go."""


class Listener:
    """Implements `shared.bus.port.Subscription`. A source that fails is begun anew; what came meanwhile is missed."""

    def __init__(
        self,
        name: str,
        source: Source,
        handler: Callable[[Record], None],
        ended: Callable[[Listener], None],
    ) -> None:
        self._name, self._source, self._handler, self._ended = name, source, handler, ended
        self._stopping, self._listening = threading.Event(), threading.Event()
        self._seen = monotonic()
        self._thread = threading.Thread(target=self._run, name=f"{name}-listener", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def progress(self) -> float:
        """Return seconds since the listener last polled."""
        return monotonic() - self._seen

    def unready(self) -> str | None:
        """Return what keeps the listener from hearing, or none."""
        return None if self._listening.is_set() else f"the listener on {self._name} hears nothing yet"

    def stop(self, timeout: float = 20.0) -> None:
        """Stop listening."""
        self._stopping.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._listen()
        finally:
            self._source.end()
            self._ended(self)

    def _listen(self) -> None:
        """Listen until stopped, or until the source fails."""
        try:
            self._source.begin()
            self._listening.set()
            while not self._stopping.is_set():
                self._seen = monotonic()
                for record in self._source.poll():
                    self._show(record)
        except UnavailableError as error:
            _log.warning("listener.interrupted", topic=self._name, error=str(error))
            self._stopping.wait(_PAUSE_SECONDS)
        finally:
            self._seen = monotonic()
            self._listening.clear()

    def _show(self, record: Record) -> None:
        try:
            self._handler(record)
        except Exception:  # noqa: BLE001 (whoever listens next must still hear)
            _log.exception("listener.crashed", topic=self._name)
