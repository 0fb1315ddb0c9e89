"""Traces: what one request causes, over HTTP and the bus; nothing at all unless an OTLP endpoint is set.

Names and attributes come from us, never from a shop: routes, topics, operations, counts; no ids of people.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, cast

if TYPE_CHECKING:
    from shared.config import Settings

E = TypeVar("E")
Kind = Literal["internal", "server", "client", "producer", "consumer"]
Attributes = Mapping[str, str | int | float]

HEADER = "traceparent"
NONE: Attributes = {}
_NOTHING = nullcontext()


class Tracer(Protocol):
    """What makes spans; `shared.tracing_otlp` has the one."""

    def span(
        self, name: str, kind: Kind, parent: str | None, links: Sequence[str], attributes: Attributes
    ) -> AbstractContextManager[None]:
        """Return a span to be inside of."""

    def traceparent(self) -> str:
        """Return the span that one is inside of, or nothing."""

    def describe(self, name: str, attributes: Attributes, *, failed: bool) -> None:
        """Tell more of that span."""

    def close(self) -> None:
        """Send what is left."""


class _Running:
    tracer: Tracer | None = None


@contextmanager
def traced(settings: Settings, service: str) -> Iterator[None]:
    """Send traces while inside, if the settings say where to. To be entered after a fork."""
    if not settings.otlp_endpoint:
        yield
        return
    from shared.tracing_otlp import OtlpTracer

    _Running.tracer = tracer = OtlpTracer(settings.otlp_endpoint, service)
    try:
        yield
    finally:
        _Running.tracer = None
        tracer.close()


def on() -> bool:
    """Say whether traces are sent."""
    return _Running.tracer is not None


def span(
    name: str,
    kind: Kind = "internal",
    *,
    parent: str | None = None,
    links: Sequence[str] = (),
    attributes: Attributes = NONE,
) -> AbstractContextManager[None]:
    """Return a span to be inside of: below the present one, or below `parent` (if that is empty, a new trace)."""
    tracer = _Running.tracer
    return _NOTHING if tracer is None else tracer.span(name, kind, parent, links, attributes)


def traceparent() -> str:
    """Return what names the present span to others (W3C); nothing if there is none."""
    tracer = _Running.tracer
    return "" if tracer is None else tracer.traceparent()


def outgoing() -> dict[str, str]:
    """Return the headers that let whoever is asked continue the trace."""
    told = traceparent()
    return {HEADER: told} if told else {}


def describe(name: str, attributes: Attributes, *, failed: bool = False) -> None:
    """Tell of the present span what only its end shows."""
    if _Running.tracer is not None:
        _Running.tracer.describe(name, attributes, failed=failed)


def watched(engine: E, name: str, only: Collection[str] = ()) -> E:
    """Return an engine whose calls are spans, within a trace; without traces, the engine itself."""
    return engine if _Running.tracer is None else cast(E, _Watched(engine, name, only))


class _Watched:
    """Stands before an engine: `history.record` is a span of that name; what is asked outside of a trace is none."""

    def __init__(self, engine: Any, name: str, only: Collection[str]) -> None:
        self._engine, self._name, self._only = engine, name, only

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self._engine, attribute)
        if attribute.startswith("_") or not callable(found) or (self._only and attribute not in self._only):
            return found
        call = _within_a_trace(found, f"{self._name}.{attribute}")
        setattr(self, attribute, call)
        return call


def _within_a_trace(call: Callable[..., Any], name: str) -> Callable[..., Any]:
    @wraps(call)
    def called(*given: Any, **named: Any) -> Any:
        if not traceparent():
            return call(*given, **named)
        with span(name, "client"):
            return call(*given, **named)

    return called
