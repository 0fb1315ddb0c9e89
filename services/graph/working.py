"""Verify, rebuild, repair, as a shop's admin asked over the bus: one piece of work at a time, and a reply."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from services.graph.folding import Progress, quietly
from services.graph.ports import GraphPorts
from services.graph.rebuild import Report, rebuild, repair, verify
from shared import audit
from shared.contracts.codec import Envelope
from shared.contracts.requests import GraphWork, GraphWorkRequested, ReplyStatus
from shared.logs import logger
from shared.replies import expire, reply

GROUP = "graph-work"
_SHOWN = 20  # differences that a reply spells out: it travels over the bus
_LONGEST = 500  # characters of a row in it

_WORK: Mapping[GraphWork, Callable[[GraphPorts, str, Progress], Report]] = {
    "verify": verify,
    "repair": repair,
    "rebuild": lambda ports, _, progress: rebuild(ports, progress),
}
_log = logger("graph")


class Works:
    """Does what is asked for; `busy` meanwhile, for events may have to wait."""

    def __init__(self, ports: GraphPorts, progress: Progress = quietly) -> None:
        self._ports, self._progress = ports, progress
        self.busy = False

    def handle(self, envelope: Envelope[GraphWorkRequested]) -> None:
        """Do a piece of work, note it in the trails of the shops that it touched, and reply.

        Doing it twice does no harm.

        Raises:
            UnavailableError: an engine does not answer, or the process is ending; offer it again.
        """
        if envelope.expired(self._ports.clock.now()):
            expire(envelope, self._ports.bus)
            return
        self.busy = True
        try:
            report = _WORK[envelope.data.work](self._ports, envelope.shop, self._progress)
        finally:
            self.busy = False
        _log.info("graph.worked", reason=envelope.data.work, shop=envelope.shop)
        self._note_for_others(envelope.shop, report)
        told = summary(report, envelope.shop)
        reply(envelope, ReplyStatus.DONE, self._ports.bus, self._ports.clock, kind="graph", result=told)

    def _note_for_others(self, shop: str, report: Report) -> None:
        """Tell the other shops that the graph which they share was made anew; who asked has noted that they did."""
        others = sorted({*report.ledger} - {shop})
        audit.note_for_all(self._ports.history, self._ports.clock, others, audit.GRAPH, "graph.rebuilt")


def summary(report: Report, shop: str) -> dict[str, Any]:
    """Return what a shop may know of a report: its own digests and rows, never another's, nor the files' names."""
    ledger, graph = report.ledger.get(shop, ""), report.graph.get(shop, "")
    own = [each for each in report.differences if each.shop == shop]
    return {
        "equal": ledger == graph and not report.damage,
        "ledger": ledger,
        "graph": graph,
        "damaged": bool(report.damage),
        "difference_count": report.count,
        "differences": [_cut(vars(each)) for each in own[:_SHOWN]],
    }


def _cut(difference: Mapping[str, str | None]) -> dict[str, str | None]:
    return {name: difference[name] and str(difference[name])[:_LONGEST] for name in ("row", "ledger", "graph")}
