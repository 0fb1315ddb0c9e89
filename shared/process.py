"""A process's life: settings first, one line for what is wrong, a drain when told to end, and an end within bounds."""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Protocol, TypeVar

from pydantic import ValidationError

from shared import logs
from shared.config import Settings
from shared.engines import Engines, open_engines
from shared.errors import InvalidInputError, TastegraphError, UsageError
from shared.operations import Check, door, operations
from shared.tracing import traced

LONGEST_STOP = 24.0  # seconds from SIGTERM to the end, whatever is still in hand: what was acknowledged is on the disk
STALLED = 60.0  # a consumer that has neither polled nor finished a batch for so many seconds is wedged
_ENDINGS = (signal.SIGTERM, signal.SIGINT)
_PROGRESS = "progress"  # the check that speaks of this process itself, and so of its life
_log = logs.logger("process")


class Service(Protocol):
    """What every service's wiring gives."""

    def start(self) -> None:
        """Begin to consume."""

    def stop(self) -> None:
        """Finish what is in hand."""


S = TypeVar("S", bound=Service)
Work = Callable[[Settings, threading.Event], None]
Needs = Callable[[Engines, S], dict[str, Check]]


def run(work: Work) -> None:
    """Run a process's work until it returns: exit status 0 done, 1 failed, 2 wrongly started; never a traceback."""
    stopping = told_to_stop()
    try:
        settings = load_settings()
        logs.configure(settings)
        work(settings, stopping)
    except Exception as error:  # noqa: BLE001 (the last place where one line can still be made of it)
        sys.exit(complain(error))


def consume(name: str, build: Callable[[Engines], S], needs: Needs[S]) -> Work:
    """Return the work of a service that speaks no HTTP of its own: it consumes until told to stop."""

    def work(settings: Settings, stopping: threading.Event) -> None:
        with traced(settings, name), closing(open_engines(settings)) as engines:
            service = build(engines)
            with operated(settings, needs(engines, service), stopping):
                service.start()
                collect_seldom()
                stopping.wait()
                service.stop()

    return work


def collect_seldom() -> None:
    """Spare threads the collector's longer passes: each stops all of them.

    What lives as long as the process is never looked at (50 to 90 ms), the youngest objects are looked at 2,000 at a
    time (of 50,000, most of a batch in work, 30 ms on a busy machine), what was left of four such times together (of
    two hundred, 60 to 90 ms), all the others seldom.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(2_000, 3, 15_000)


@contextmanager
def operated(settings: Settings, ready: Mapping[str, Check], stopping: threading.Event) -> Iterator[None]:
    """Answer operators on their port: not ready from the moment of being told to stop, not alive once stuck.

    Raises:
        UnavailableError: the port is in use.
    """
    alive = {name: check for name, check in ready.items() if name == _PROGRESS}
    with operations(door(settings), alive, {**ready, **ending(stopping)}):
        yield


def ending(stopping: threading.Event) -> dict[str, Check]:
    """Return the check that the process has not been told to stop."""
    return {"process": lambda: "is stopping" if stopping.is_set() else None}


def answers(ask: Callable[[], object]) -> Check:
    """Return the check that an engine answers a small question."""

    def check() -> str | None:
        try:
            ask()
        except TastegraphError as error:
            return f"does not answer ({type(error).__name__})"
        return None

    return check


def moves(progress: Callable[[], float]) -> Check:
    """Return the check that a consumer gets on; `progress` gives the seconds since it last did."""
    return lambda: "the consumer is stuck" if progress() > STALLED else None


def load_settings(**given: object) -> Settings:
    """Return the settings, with what the caller says on top.

    Raises:
        UsageError: one cannot be used; names it as the environment does, never its value.
    """
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        wrong = [f"TASTEGRAPH_{'_'.join(map(str, each['loc'])).upper()}: {each['msg']}" for each in error.errors()]
        raise UsageError("; ".join(wrong)) from None


def told_to_stop() -> threading.Event:
    """Return an event that SIGTERM or SIGINT sets; told twice, or after LONGEST_STOP seconds, the process just ends."""
    # A handler in Python runs when the main thread next runs Python: never, if the signal came the moment before it
    # began to wait. What the interpreter writes to this socket comes at once, whatever the main thread does.
    stopping = threading.Event()
    heard, told = socket.socketpair()
    told.settimeout(0)  # as the interpreter wants it
    threading.Thread(target=_obey, args=(heard, told, stopping), name="signals", daemon=True).start()
    signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    for number in _ENDINGS:
        signal.signal(number, lambda *_: None)
    return stopping


def _obey(heard: socket.socket, told: socket.socket, stopping: threading.Event) -> None:
    with heard, told:  # both stay open as long as somebody listens
        _next_ending(heard)
        stopping.set()
        heard.settimeout(LONGEST_STOP)
        try:
            os._exit(128 + _next_ending(heard))
        except TimeoutError:
            try:
                _log.error("process.stop-cut-short", seconds=LONGEST_STOP)
            finally:  # who reads the log may be gone, and to write to nobody is an error
                os._exit(0)


def _next_ending(heard: socket.socket) -> int:
    while (number := heard.recv(1)[0]) not in _ENDINGS:  # a library's signals are told here, too
        pass
    return number


def complain(error: Exception) -> int:
    """Say in one line what went wrong; return the exit status."""
    if isinstance(error, TastegraphError):
        said = explained(error)
    elif isinstance(error, OSError):
        said = ": ".join(str(part) for part in (error.filename, error.strerror or error) if part)
    else:
        _log.debug("process.crashed", exc_info=error)
        said = f"this should not have happened ({type(error).__name__}); TASTEGRAPH_LOG_LEVEL=debug shows where"
    print(f"tastegraph: {' '.join(said.split())}", file=sys.stderr)  # noqa: T201 (the one line of its own)
    return 2 if isinstance(error, UsageError | InvalidInputError) else 1


def explained(error: TastegraphError) -> str:
    """Return an error's message, with what was wrong with an input."""
    details = [each.detail for each in error.violations] if isinstance(error, InvalidInputError) else []
    return "; ".join([str(error), *dict.fromkeys(details)])
