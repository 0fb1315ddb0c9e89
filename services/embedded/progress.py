"""Progress on stderr: a bar with the rate and the time left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def import_with_progress(lines: Iterator[dict[str, Any]], name: str) -> dict[str, Any]:
    """Follow an import to its end; return its result. The bar appears with the first batch, not before an error."""
    result: dict[str, Any] = {}
    bar = _bar()
    task = bar.add_task(name, total=None, rate="", stage="")
    try:
        for line in lines:
            if counts := line.get("progress"):
                bar.start()
                _advance(bar, task, counts)
            result = line.get("result", result)
    finally:
        bar.stop()
    return result


def _advance(bar: Progress, task: Any, counts: dict[str, Any]) -> None:
    done = counts["lines"] or counts["read"]
    speed = bar.tasks[0].speed or 0
    bar.update(task, completed=done, total=counts["total"], rate=f"{speed:,.0f}/s", stage=counts.get("stage", ""))


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        TextColumn("{task.fields[stage]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
