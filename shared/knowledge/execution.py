"""Runs statements on a LadybugDB connection: rows or whole columns, within bounds, its errors told as ours."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from shared.errors import UnavailableError
from shared.knowledge.dialect import Step, step_of
from shared.knowledge.engine import CutShortError

_ARROW_ROWS = 50_000
USED_UP = "buffer pool is full"  # the engine keeps what it changed in memory, and does not give all of it back
_INTERRUPTED = "Interrupted"
_DEFECTS = ("Binder exception", "Parser exception", "Catalog exception")


@contextlib.contextmanager
def limited(connection: Any, seconds: float) -> Iterator[None]:
    """Interrupt what a connection runs meanwhile after so many seconds, or when it has used up the memory.

    Raises:
        CutShortError: it was interrupted.
    """
    connection.set_query_timeout(max(1, int(seconds * 1000)))
    try:
        yield
    except UnavailableError as error:
        if USED_UP in str(error):
            raise CutShortError("the graph engine took too much memory") from error
        raise
    finally:
        connection.set_query_timeout(0)


def execute(connection: Any, text: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """Run a statement and return its rows.

    Raises:
        UnavailableError: the engine could not (a full disk, a damaged file, no memory).
    """
    return list(stream(connection, text, parameters))


def stream(connection: Any, text: str, parameters: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
    """Run a statement and yield its rows.

    Raises:
        UnavailableError: as for `execute`.
    """
    with _explained():
        step = step_of(text, parameters or {})
        statement = _prepared(connection, step)
        for given in step.parameters:
            yield from _answers(connection.execute(statement, dict(given)), step)


def columns(connection: Any, text: str, parameters: Mapping[str, Any]) -> pa.Table:
    """Run a statement and return its columns, all at once.

    Raises:
        UnavailableError: as for `execute`.
    """
    with _explained():
        result = connection.execute(text, dict(parameters))
        try:
            return result.get_as_arrow(_ARROW_ROWS)
        finally:
            result.close()


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Turn the engine's errors into ours."""
    try:
        yield
    except RuntimeError as error:
        if str(error).startswith(_DEFECTS):
            raise  # the statement is wrong, and would be again
        if str(error).startswith(_INTERRUPTED):
            raise CutShortError("the graph engine took too long") from error
        raise UnavailableError(f"the graph engine: {str(error)[:300]}") from error


def _prepared(connection: Any, step: Step) -> Any:
    """Return a statement to execute: prepared for itself when it has many rows, else the text for the driver's cache.

    The driver's cache would keep a bulk of rows, and looks at every parameter for each of many executions. Kept for a
    few names it saves a millisecond each time, and costs the engine's pool so much that a small one was used up.
    """
    first = step.parameters[0]
    if len(step.parameters) == 1 and not any(isinstance(value, list) for value in first.values()):
        return step.text
    return connection._prepare(step.text, dict(first))  # noqa: SLF001 (`prepare` does the same, and warns)


def _answers(result: Any, step: Step) -> Iterator[dict[str, Any]]:
    try:
        if step.wanted is not None:
            yield from step.chosen(result.get_as_arrow(_ARROW_ROWS))
            return
        names = result.get_column_names()
        while result.has_next():
            yield dict(zip(names, result.get_next(), strict=True))
    finally:
        result.close()
