"""Backfills: files through the same intake as HTTP, with original times, progress, a resume point, and rejects."""

from __future__ import annotations

import hashlib
import json
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from services.embedded.preparing import Batches, Job, Prepared, is_large, prepared, prepared_apart
from services.embedded.runtime import Runtime
from services.ingest.handlers import ItemOutcome, offer
from shared.bus.port import Position
from shared.contracts.topics import COMMERCE
from shared.courtesy import considerate
from shared.errors import DeadlineError
from shared.history.port import Outcome
from shared.metrics import EVENTS_TAKEN_IN

_AHEAD = 16  # publications that may wait for the ledger: bounds memory, and what a resumed import offers again
_POLL = 0.02  # seconds between two looks at how far the ledger is: looking costs those who work
_PATIENCE = 120.0  # seconds without any progress of the graph before an import gives up


@dataclass
class Counts:
    """What became of the items of an import. `lines` counts purchase lines among the accepted."""

    read: int = 0
    accepted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    rejected: int = 0
    lines: int = 0


@dataclass
class _Offered:
    """A published batch that waits for the ledger's word."""

    upto: int  # the resume point once it is dealt with
    counts: Counts
    lines: dict[Position, int] = field(default_factory=dict)  # how many each published item has


class Import:
    """One file's way in. Re-run after an interruption, it goes on where the ledger had everything."""

    def __init__(self, runtime: Runtime, job: Job) -> None:
        self._runtime, self._job = runtime, job
        source = job.open()
        self.total, self._items, self._source = source.total, source.items, None if is_large(job) else source
        self.stage = "recording"
        folder = runtime.settings.data / "imports"
        folder.mkdir(exist_ok=True)
        name = _name(job)
        self._checkpoint = folder / f"{name}.json"
        self.rejects = folder / f"{name}.rejected.ndjson"
        self.counts, self._row = self._resume()
        self._waiting: deque[_Offered] = deque()

    def run(self) -> Iterator[Counts]:
        """Take the file in; yield the counts so far after each batch. The last ones stand when the graph holds all."""
        graph, shop = self._runtime.graph, self._job.shop
        with graph.filling(shop, self._items) if self._source is None else graph.pacing.filling(shop):
            yield from self._run()
            self.stage = "filling the graph"
            yield self.counts
        self._checkpoint.unlink(missing_ok=True)
        if not self.counts.rejected:
            self.rejects.unlink()

    def _run(self) -> Iterator[Counts]:
        with closing(self._batches()) as batches, self._open_rejects() as rejects:
            for batch in batches:
                self._offer(batch, rejects)
                while len(self._waiting) > _AHEAD:
                    self._settle_oldest()
                yield self.counts
            while self._waiting:
                self._settle_oldest()
                yield self.counts
        self._runtime.settle()

    def _open_rejects(self) -> IO[str]:
        """Open the rejects after those that count: what a killed import wrote beyond its resume point comes again."""
        self.rejects.touch()
        rejects = self.rejects.open("r+", encoding="utf-8")
        for _ in range(self.counts.rejected):
            rejects.readline()
        rejects.seek(rejects.tell())
        rejects.truncate()
        return rejects

    def _batches(self) -> Batches:
        if self._source is None:
            return prepared_apart(self._job, self._row)
        return prepared(self._job, self._source, self._row, self._runtime.engines.clock.now)

    def _offer(self, batch: list[Prepared], rejects: IO[str]) -> None:
        ready = {index: item.ready for index, item in enumerate(batch) if item.ready is not None}
        outcomes = offer(self._job.shop, ready, self._runtime.ingest.ports)
        offered = _Offered(batch[-1].row, Counts(read=len(batch)))
        for index, item in enumerate(considerate(batch)):
            outcome = outcomes.get(index)
            EVENTS_TAKEN_IN.labels(self._job.kind, outcome.outcome if outcome else "rejected").inc()
            if outcome is None:
                _reject(rejects, item, offered)
            else:
                _sort_out(item, outcome, offered)
        rejects.flush()
        self._waiting.append(offered)

    def _settle_oldest(self) -> None:
        """Count what the ledger made of the oldest batch, and only then move the resume point past it."""
        offered = self._waiting.popleft()
        for position, outcome in self._outcomes(list(offered.lines)).items():
            if outcome not in {Outcome.DUPLICATE, Outcome.CONFLICT}:
                continue
            offered.counts.accepted -= 1
            offered.counts.lines -= offered.lines[position]
            offered.counts.duplicates += outcome is Outcome.DUPLICATE
            offered.counts.conflicts += outcome is Outcome.CONFLICT
        for name, value in asdict(offered.counts).items():
            setattr(self.counts, name, getattr(self.counts, name) + value)
        self._row = offered.upto
        new = self._checkpoint.with_suffix(".new")
        new.write_text(json.dumps({"row": self._row, "counts": asdict(self.counts)}))
        new.rename(self._checkpoint)

    def _outcomes(self, positions: list[Position]) -> dict[Position, Outcome]:
        history, bus = self._runtime.engines.history, self._runtime.engines.bus
        lag, moved = bus.lag("graph", COMMERCE), time.monotonic()
        while not _passed(history.watermarks(), positions):
            time.sleep(_POLL)
            if (now := bus.lag("graph", COMMERCE)) != lag:
                lag, moved = now, time.monotonic()
            if time.monotonic() - moved > _PATIENCE:
                raise DeadlineError(
                    f"the graph has made no progress for {_PATIENCE:.0f} s; run the import again to go on"
                )
        return history.outcomes(positions)

    def _resume(self) -> tuple[Counts, int]:
        if not self._checkpoint.exists():
            return Counts(), 0
        state = json.loads(self._checkpoint.read_text())
        return Counts(**state["counts"]), int(state["row"])


def run_import(
    runtime: Runtime, shop: str, kind: str, path: Path, columns: Mapping[str, str], constants: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """Import one file; yield `{"progress": …}` lines, then one `{"result": …}`.

    Raises:
        UsageError: the file or the map is not usable.
        UnavailableError: the log or the ledger does not serve (a full disk, say); run it again to go on.
    """
    started = time.monotonic()
    work = Import(runtime, Job(shop, kind, path, columns, constants))
    already = work.counts.read
    for counts in work.run():
        yield {"progress": {**asdict(counts), "total": work.total, "resumed": already, "stage": work.stage}}
    result = {**asdict(work.counts), "seconds": round(time.monotonic() - started, 3)}
    yield {"result": result | ({"rejects": str(work.rejects)} if work.counts.rejected else {})}


def _name(job: Job) -> str:
    """The same file, imported in the same way, finds its resume point; a changed file starts anew."""
    stat, path = job.path.stat(), job.path.resolve()
    identity = [str(path), stat.st_size, stat.st_mtime_ns, job.shop, job.kind, sorted(job.columns.items())]
    digest = hashlib.sha256(json.dumps([identity, sorted(job.constants.items())]).encode()).hexdigest()
    return f"{job.path.stem[:40]}-{digest[:12]}"


def _sort_out(item: Prepared, outcome: ItemOutcome, offered: _Offered) -> None:
    if outcome.outcome == "duplicate":
        offered.counts.duplicates += 1
        return
    # accepted, or a conflict that the ledger is about to quarantine: its word counts
    offered.counts.accepted += 1
    offered.counts.lines += item.lines
    if outcome.position is not None:
        offered.lines[outcome.position] = item.lines


def _reject(rejects: IO[str], item: Prepared, offered: _Offered) -> None:
    offered.counts.rejected += 1
    told = {"row": item.row, "problem": item.problem, "item": item.value}
    rejects.write(json.dumps(told, ensure_ascii=False, default=str))
    rejects.write("\n")


def _passed(watermarks: Iterable[Position], positions: list[Position]) -> bool:
    reached = {(mark.log, mark.topic, mark.partition): mark.offset for mark in watermarks}
    return all(reached.get((at.log, at.topic, at.partition), -1) >= at.offset for at in positions)
