"""Writes exports in the background: each by one gateway at a time, part by part; from the start if that one dies."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Any, BinaryIO, cast

from services.gateway.exporting import Held, LostError, Parts
from services.gateway.exports import ExportDesk, NewExport
from services.gateway.segments import Segment, members
from services.gateway.trends import compared
from shared.background import Background
from shared.clock import monotonic, to_ms
from shared.erasures import EXPORTS
from shared.errors import ConflictError, TransientError
from shared.exporting import rows
from shared.history.port import Analytics, Document, History, TrendQuery
from shared.knowledge.port import KnowledgeReader
from shared.logs import logger

_IDLE, _PAUSE, _TIDY = 0.5, 5.0, 60.0
_ATTEMPTS = 3
_log = logger("gateway")


class Exporter:
    """Looks for exports that nobody writes, and writes them, one after another, in a thread of its own."""

    def __init__(self, knowledge: KnowledgeReader, history: History, desk: ExportDesk) -> None:
        self._knowledge, self._history, self._desk = knowledge, history, desk
        self._holder = uuid.uuid4().hex
        self._background = Background("exports", self._run)
        self._tidied = 0.0

    def start(self) -> None:
        """Begin to write."""
        self._background.start()

    def stop(self) -> None:
        """Stop; what is being written is begun anew by whoever takes it up."""
        self._background.stop()

    def _run(self) -> None:
        pause = _IDLE
        while not self._background.stopping.wait(pause):
            try:
                self._look()
                pause = _IDLE
            except TransientError as error:
                pause = _PAUSE
                _log.warning("export.waits", error=type(error).__name__)
            except Exception:  # noqa: BLE001 (this thread must live on)
                pause = _PAUSE
                _log.exception("export.failed")

    def _look(self) -> None:
        for export in reversed(self._history.find(EXPORTS, None, {"active": "yes"}, page_size=100).items):
            if export.body["held_until"] < self._now() and not self._background.stopping.is_set():
                self._take(export)
        if monotonic() - self._tidied > _TIDY:
            self._desk.expired()
            self._tidied = monotonic()

    def _take(self, export: Document) -> None:
        try:
            tried = {"attempts": export.body["attempts"] + 1, "status": "running"}
            held = Held(export, self._holder, tried, self._history, self._desk, self._background.stopping)
            self._write(held)
        except (LostError, ConflictError):
            _log.info("export.lost", correlation_id=export.id)

    def _write(self, held: Held) -> None:
        asked = NewExport.model_validate(held.export.body["asked"])
        file = Parts(held)
        try:
            count = written(held.watched(self._rows(held.export.shop, asked)), asked, cast(BinaryIO, file))
            file.end()
        except (LostError, ConflictError):
            file.lose()
            raise
        except Exception as error:
            file.lose()
            transient = isinstance(error, TransientError)
            if transient and held.export.body["attempts"] < _ATTEMPTS:
                held.let_go()
                raise
            held.end({"status": "failed", "problem": "unavailable" if transient else "internal"})
            _log.exception("export.failed", correlation_id=held.export.id)
            return
        held.end({"status": "done", "rows": count, "bytes": file.tell(), "parts": file.parts})

    def _rows(self, shop: str, asked: NewExport) -> Iterator[Mapping[str, Any]]:
        match asked.what:
            case "trends":
                since, until = (None if at is None else to_ms(at.astimezone(UTC)) for at in (asked.since, asked.until))
                query = TrendQuery(shop, asked.by, asked.period, since=since, until=until, limit=rows.MOST_TRENDS)
                return trends_of(self._history, query, compare=asked.compare is not None)
            case "communities":
                return rows.communities(self._knowledge, shop)
            case "recommendations":
                users = members(self._knowledge, shop, asked.segment or Segment(everyone=True))
                return rows.recommendations(self._knowledge, self._history, self._desk.clock, shop, users, asked.limit)
            case "nodes" | "edges":
                wanted = "node" if asked.what == "nodes" else "source"
                return (row for row in rows.graph(self._knowledge, shop) if wanted in row)
            case _:
                return rows.graph(self._knowledge, shop)

    def _now(self) -> int:
        return to_ms(self._desk.clock.now())


def trends_of(history: Analytics, query: TrendQuery, *, compare: bool) -> rows.Rows:
    """Return a shop's trends as rows of a file, oldest period first; each with the period before it, if asked for."""
    found = history.trends(query)
    return rows.compared(compared(history, query, found)) if compare else rows.trends(found)


def written(found: Iterator[Mapping[str, Any]], asked: NewExport, file: BinaryIO) -> int:
    """Write rows into a file as asked for; return how many."""
    from shared.exporting.files import write, write_graphml  # pyarrow: not for every gateway that starts

    if asked.format == "graphml":
        return write_graphml(found, file)
    return write("compared" if asked.compare else asked.what, found, file, asked.format)
