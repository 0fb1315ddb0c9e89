"""Structured logs on stderr: JSON for machines, readable on a terminal; only fields that are known to be harmless."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from shared.config import Settings

# While a broker is away these clients write several lines a second; the bus says it once, in its own words.
_TALKATIVE = ("kafka", "aiokafka", "faust", "mode")

# The closed list of fields. What is not on it never reaches a log: personal data cannot slip in by a new keyword.
FIELDS = frozenset({
    "event", "level", "timestamp", "logger", "exception", "exc_info", "stack_info", "service", "correlation_id",
    "request_id", "shop", "topic", "partition", "offset", "group", "kind", "type", "code", "error", "reason",
    "count", "seconds", "status", "method", "route", "size", "attempt", "engine", "generation", "path",
    "decision_id", "template", "version", "layout", "fallback", "accepted", "duplicates", "conflicts",
    "rejected", "lag", "collection", "operation", "url", "port", "signal", "key_id", "scope", "host",
    "refreshed", "equal", "differences", "dependency", "state",
})  # fmt: skip


def only_known_fields(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop every field that is not on the list, and say which names were dropped (never their values)."""
    dropped = sorted(set(event) - FIELDS)
    for name in dropped:
        del event[name]
    if dropped:
        event["reason"] = f"fields not on the log's list were dropped: {', '.join(dropped)}"
    return event


def configure(settings: Settings) -> None:
    """Set logging up for a process; call it once, first thing in a `main`."""
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    renderers: list[Any] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if as_json
        # plain: the pretty traceback prints local variables, and with them what events hold
        else [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            only_known_fields,
            *renderers,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, force=True)
    for client in _TALKATIVE:
        logging.getLogger(client).setLevel(logging.CRITICAL)


def logger(service: str) -> Any:
    """Return a logger that names its service in every line."""
    return structlog.get_logger(service=service)
