"""Engines behind breakers: a call that gets no answer in time is given up, and its dependency not asked for a while.

The drivers' own time-outs are not enough: one that has sent its question to a server that hangs may wait for ever. So
what is asked over the network is asked by a thread of its own, which may be left behind.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from functools import partial, wraps
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

from shared.breakers import Breaker, OpenError
from shared.clock import monotonic
from shared.deadlines import within
from shared.errors import DeadlineError, OutcomeUnknownError, TransientError, UnavailableError

if TYPE_CHECKING:
    from shared.engines import Engines

E = TypeVar("E")

HUNG_SECONDS = 1.5  # a dependency that has answered nobody for so long, though asked, hangs
_THREADS = 64  # of a dependency: those left behind among them
_NEAR = frozenset({"file", "memory"})


@dataclass(frozen=True)
class Patience:
    """How long a dependency's answers may take; `slow` ones have `slow_seconds`, and say nothing about hanging."""

    seconds: float
    slow: Collection[str] = ()
    slow_seconds: float = 15.0
    only: Collection[str] = ()
    unknown: Mapping[str, type[UnavailableError]] = field(default_factory=dict)


_KNOWLEDGE = Patience(4.0, slow={"rows", "neighbourhood"})
_HISTORY = Patience(5.0, slow={"trends", "timeline", "find", "conflicts"})
_OBJECTS = Patience(5.0, slow={"delete"})
_BUS = Patience(11.0, only={"publish", "read"}, unknown={"publish": OutcomeUnknownError})


def protected(engines: Engines) -> Engines:
    """Return the engines as HTTP services ask them: each behind its breaker, far ones within bounds of time."""
    settings, breakers = engines.settings, engines.breakers

    def behind(engine: E, name: str, url: str, patience: Patience) -> E:
        lane = None if urlsplit(url).scheme in _NEAR else Lane(name)
        return cast(E, _Protected(engine, breakers.of(name), patience, lane))

    return replace(
        engines,
        bus=behind(engines.bus, "bus", settings.bus_url, _BUS),
        history=behind(engines.history, "history", settings.history_url, _HISTORY),
        knowledge=behind(engines.knowledge, "knowledge", settings.knowledge_url, _KNOWLEDGE),
        objects=behind(engines.objects, "objects", settings.objects_url, _OBJECTS),
    )


class _Protected:
    """Stands before an engine; whatever is no question to it passes."""

    def __init__(self, engine: Any, breaker: Breaker, patience: Patience, lane: Lane | None) -> None:
        self._engine, self._breaker, self._patience, self._lane = engine, breaker, patience, lane

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self._engine, attribute)
        asks = not self._patience.only or attribute in self._patience.only
        if attribute.startswith("_") or attribute == "close" or not callable(found) or not asks:
            return found
        call = self._judged(attribute, found)
        setattr(self, attribute, call)
        return call

    def _judged(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def called(*given: Any, **named: Any) -> Any:
            since = self._breaker.ask()
            try:
                found = self._answer(name, partial(call, *given, **named), since)
            except UnavailableError as error:
                if not isinstance(error, _LateError):
                    self._breaker.failed()
                raise
            except TransientError:
                raise  # the request's own time has run out: that says nothing of whom it asked
            except Exception:
                self._breaker.succeeded()  # it answered that this cannot be
                raise
            self._breaker.succeeded()
            return found

        return called

    def _answer(self, name: str, ask: Callable[[], Any], since: float) -> Any:
        if self._lane is None:
            return ask()
        slow = name in self._patience.slow
        patience = self._patience.slow_seconds if slow else self._patience.seconds
        until = since + within(patience)
        coming = self._lane.asked(ask)
        try:
            return coming.result(min(HUNG_SECONDS, until - since))
        except TimeoutError:
            if not slow:
                self._breaker.silent(since)
        try:
            return coming.result(max(0.0, until - monotonic()))
        except TimeoutError:
            if until < since + patience:
                raise DeadlineError("the time of the request has run out") from None
            self._breaker.failed(hung=not slow)
            kind = self._patience.unknown.get(name, UnavailableError)
            raise _late(kind, self._breaker.name) from None


class _LateError(UnavailableError):
    """A dependency did not answer in time; its breaker knows."""


class _LateUnknownError(_LateError, OutcomeUnknownError):
    """… and may have taken what it was given."""


def _late(kind: type[UnavailableError], name: str) -> UnavailableError:
    late = _LateUnknownError if kind is OutcomeUnknownError else _LateError
    return late(f"the {name} did not answer in time")


class Lane:
    """Threads that ask one dependency. They are daemons: one that is left waiting keeps no process from its end."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._asked: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._threads = 0
        self._lock = threading.Lock()

    def asked(self, ask: Callable[[], Any]) -> Future[Any]:
        """Return what will come of a question."""
        coming: Future[Any] = Future()
        if not self._idle.acquire(blocking=False):
            self._grow()
        self._asked.put((coming, partial(copy_context().run, ask)))
        return coming

    def _grow(self) -> None:
        with self._lock:
            if self._threads >= _THREADS:
                raise OpenError(f"the {self._name} has not answered {_THREADS} questions")
            self._threads += 1
        threading.Thread(target=self._work, name=f"asks-{self._name}", daemon=True).start()

    def _work(self) -> None:
        while True:
            coming, ask = self._asked.get()
            try:
                coming.set_result(ask())
            except BaseException as error:  # noqa: BLE001 (whoever waits for it raises it)
                coming.set_exception(error)
            del coming, ask  # an idle thread holds nothing of anybody's
            self._idle.release()
