"""Rebuilds the graph from the ledger, repairs it, copies it and brings a copy back."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial

from services.graph.aside import reading
from services.graph.bulk import in_bulk
from services.graph.compare import Report, compare, damage, mend, report, shops, verify
from services.graph.contacts import keep_contact
from services.graph.erasure import forgotten
from services.graph.folding import Ledger, Progress, quietly, telling
from services.graph.handlers import catch_up
from services.graph.ports import Changed, GraphPorts
from services.graph.unproved import UNPROVED, unproved
from shared.contracts.events import Kind
from shared.history.port import Entry
from shared.logs import logger

__all__ = ["Report", "rebuild", "repair", "restore", "snapshot", "verify"]

_MENDABLE = 100_000  # beyond so many rows, filling a fresh graph is quicker than mending

_log = logger("graph")


def repair(ports: GraphPorts, shop: str | None = None, progress: Progress = quietly) -> Report:
    """Mend the rows that differ, or rebuild if that is not enough; return what stands after it.

    Raises:
        UnavailableError: it could not be mended.
    """
    with ports.projecting:
        if damage(ports):
            return rebuild(ports, progress)
        found = [compare(ports, name, progress) for name in shops(ports, shop)]
        if not any(one.count or one.damage for one in found):
            return report(found, "")
        if any(one.damage or one.count > _MENDABLE for one in found):
            return rebuild(ports, progress)
        for one in found:
            if one.count:
                mend(ports, one.shop, progress)
        after = verify(ports, shop, progress)
        return after if after.equal else rebuild(ports, progress)


def rebuild(ports: GraphPorts, progress: Progress = quietly) -> Report:
    """Project the whole ledger into a fresh graph, prove it, and switch to it.

    Events flow on while the ledger is read; they wait only while what came meanwhile is added and the graph is
    filled. Readers have the old graph until the switch. Derived edges are refreshed afterwards.

    Raises:
        UnavailableError: the proof failed, or the engine did; the old graph stays.
    """
    with following(ports, progress=progress) as ledger:
        return fill_from(ledger, ports, progress)


def following(ports: GraphPorts, *, more: int = 0, progress: Progress = quietly) -> AbstractContextManager[Ledger]:
    """Read the ledger for a graph to be filled from it, and keep the contacts that it tells of."""
    return reading(ports, more=more, progress=progress, heed=partial(_keep_contact, ports))


def fill_from(ledger: Ledger, ports: GraphPorts, progress: Progress = quietly) -> Report:
    """Fill a fresh graph with what the ledger tells, prove it, and switch to it; see `rebuild`."""
    with in_bulk():
        ledger.read(ports.history.watermarks())
        proved = _filled(ledger, ports, progress)
    ports.changed(Changed(frozenset(proved), anew=frozenset(proved)))
    return Report(proved, proved)


def _filled(ledger: Ledger, ports: GraphPorts, progress: Progress) -> dict[str, str]:
    with ports.projecting, unproved(ports) as note:
        watermarks = ports.history.watermarks()
        memory = ports.newest_erasure()  # taken first: who is erased while the ledger is read is mended below
        rows = telling(ledger.rows(watermarks), "filling", note.over(progress))
        proved = dict(ports.knowledge.load(rows, watermarks))
        note.renew()  # to prove what was filled may have taken long
        if memory != ports.newest_erasure():  # another worker erased while the graph was filled
            for shop in proved:
                mend(ports, shop)
        _log.info("graph.rebuilt", count=len(proved))
    return proved


def _keep_contact(ports: GraphPorts, entry: Entry) -> None:
    """Keep what a user event says of contact: the process may have died between ledger and graph, before it was kept.

    A rebuilt graph stands where the ledger stands, so that the event is not projected again.
    """
    if entry.kind is Kind.USER and b'"contact"' in entry.data:
        with ports.projecting:
            if not forgotten([entry], ports):
                keep_contact(entry, ports)


def prove_left(ports: GraphPorts, notes: Sequence[str], progress: Progress = quietly) -> None:
    """Repair a graph that killed processes put in another's place and had not proved yet, as their notes say.

    Raises:
        UnavailableError: it could not be repaired; the notes stay.
    """
    repair(ports, None, progress)
    for note in notes:
        ports.history.delete(UNPROVED, "", note)


def snapshot(ports: GraphPorts, directory: str) -> None:
    """Write a consistent copy of the graph, with its digests, into an empty directory."""
    with ports.projecting:
        ports.knowledge.snapshot(directory)


def restore(ports: GraphPorts, directory: str, progress: Progress = quietly) -> Report:
    """Bring a copy back and project what came since; return what stands after it."""
    with ports.projecting, unproved(ports):
        ports.knowledge.restore(directory)
        catch_up(ports)
        if set(ports.history.watermarks()) - set(ports.knowledge.watermarks()):
            return rebuild(ports, progress)  # the log no longer holds what the copy lacks; the ledger does
        after = repair(ports, None, progress)
    ports.changed(Changed(frozenset(after.graph), anew=frozenset(after.graph)))
    return after
