"""Fills the graph anew after a large file: while it is recorded, events wait in the ledger; then comes one rebuild."""

from __future__ import annotations

from services.graph.folding import Ledger, Progress, events_under, quietly
from services.graph.handlers import catch_up
from services.graph.ports import GraphPorts
from services.graph.rebuild import fill_from, rebuild

BACKFILLS = "backfills"  # the note of one under way: a process that was killed left the graph behind the ledger
_ID = "graph"
_SHARE = 3  # merging an event costs about three times what folding and copying it in bulk does


def is_worthwhile(events: int, ports: GraphPorts) -> bool:
    """Say whether filling the graph anew is quicker than merging so many events into it.

    Raises:
        UnavailableError: the history does not answer.
    """
    return events * _SHARE >= events_under(ports.history.watermarks())


def begin(ports: GraphPorts) -> None:
    """Let events wait in the ledger from now on; the graph, its watermarks and its readers stay where they are.

    Raises:
        UnavailableError: the history does not answer; nothing has changed.
    """
    with ports.projecting:
        ports.history.put(BACKFILLS, "", _ID, {})
        ports.backfills.under_way += 1


def end(ports: GraphPorts, progress: Progress = quietly, ledger: Ledger | None = None) -> None:
    """Fill the graph with all that the ledger holds; the last backfill that ends lets events into it again.

    Raises:
        UnavailableError: an engine does not answer; the backfill is still under way.
    """
    rebuild(ports, progress) if ledger is None else fill_from(ledger, ports, progress)
    with ports.projecting:
        ports.backfills.under_way -= 1
        try:
            if not ports.backfills.under_way:
                _let_in(ports)
        except BaseException:
            ports.backfills.under_way += 1
            raise


def was_left(ports: GraphPorts) -> bool:
    """Say whether a killed process left a backfill behind, and with it a graph that lacks what the ledger holds.

    Raises:
        UnavailableError: the history does not answer.
    """
    return ports.history.get(BACKFILLS, "", _ID) is not None


def resume(ports: GraphPorts, progress: Progress = quietly) -> None:
    """Finish what a killed process left behind.

    Raises:
        UnavailableError: an engine does not answer; the next attempt begins anew.
    """
    rebuild(ports, progress)
    with ports.projecting:
        if not ports.backfills.under_way:
            _let_in(ports)


def _let_in(ports: GraphPorts) -> None:
    catch_up(ports)  # what was recorded after the ledger had been read
    ports.history.delete(BACKFILLS, "", _ID)
