"""A run from its start to its verdict: load, strikes as planned, everything healed, quiet, judgement."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaos.checker import Verdict, check
from chaos.client import Client
from chaos.faults import Faults
from chaos.journal import Journal
from chaos.load import Load
from chaos.observe import Sampler, observe, ports_of, wait_for_quiet
from chaos.plan import Strike
from chaos.system import running
from shared.engines import Engines

_QUIET_SECONDS = 180.0
_SHOWN = 20
Turns = Sequence[threading.Lock]


@dataclass
class Told:
    """What came of a run."""

    verdict: Verdict
    strikes: int = 0
    missed: list[str] = field(default_factory=list)  # strikes that could not be made: what they harm was away itself
    outcomes: dict[str, int] = field(default_factory=dict)
    restarts: int = 0
    bad_ends: list[str] = field(default_factory=list)
    unquiet: str = ""
    recovery_seconds: float = 0.0

    @property
    def well(self) -> bool:
        """Say whether nothing was found."""
        return not (self.verdict.findings or self.unquiet or self.bad_ends)

    def as_json(self) -> dict[str, Any]:
        """Return the run's one line."""
        counts = {name: len(found) for name, found in vars(self.verdict).items() if isinstance(found, list)}
        return {
            "acknowledged": self.verdict.acknowledged,
            "faults": self.strikes,
            "lost": counts.pop("lost"),
            "doubled": counts.pop("doubled"),
            "digest_equal": not counts.pop("unequal"),
            **counts,
            "missed": len(self.missed),
            "attempts": self.outcomes,
            "restarts": self.restarts,
            "bad_ends": len(self.bad_ends),
            "recovery_seconds": round(self.recovery_seconds, 1),
        }

    def words(self) -> list[str]:
        """Return what was found, in words, the first of each kind."""
        found = [f"{name}: {each}" for name, many in self.verdict.findings.items() for each in many[:_SHOWN]]
        return [*found, *self.bad_ends, *([f"not quiet: {self.unquiet}"] if self.unquiet else [])]


def run(strikes: Sequence[Strike], seconds: float, seed: int, home: Path, **options: str) -> Told:
    """Start everything, harm it as planned, and judge what is left."""
    journal = Journal()
    with running(home, **options) as system, closing(system.engines()) as engines:
        sampler, faults = Sampler(engines), Faults.of(system, journal)
        faults.wiping = sampler.forgetting_graph
        load = Load(Client(system, journal), seed)
        with sampler.running(), load.running():
            missed = strike(strikes, seconds, faults)
        _say("healed; sending again what is in doubt")
        healed = time.monotonic()
        system.wait_until_ready()
        drained = load.drain()
        unquiet = wait_for_quiet(engines, ports_of(engines), _QUIET_SECONDS)
        recovery = time.monotonic() - healed
        faults.bus.close()
        verdict = _judged(engines, journal, faults, sampler, home)
        told = Told(verdict, len(strikes) - len(missed), missed, journal.counts())
    told.restarts = sum(worker.restarts for worker in system.workers.values())
    told.bad_ends = [said for worker in system.workers.values() for said in worker.bad_ends]
    told.unquiet = unquiet or ("" if drained else "some requests were refused to the end")
    told.recovery_seconds = recovery
    return told


def _judged(engines: Engines, journal: Journal, faults: Faults, sampler: Sampler, home: Path) -> Verdict:
    attempts = journal.attempts()
    seen = observe(engines, attempts, home / "embedded", poison=frozenset(faults.poison), samples=list(sampler.samples))
    return check(attempts, seen)


def strike(strikes: Sequence[Strike], seconds: float, faults: Faults) -> list[str]:
    """Begin and heal every fault at its time; return those that could not be begun.

    Who ends this early (Ctrl-C, SIGTERM) ends it with everything healed, so that nothing is started after the teardown.
    """
    begun, missed, over = time.monotonic(), list[str](), threading.Event()
    turns = {name: threading.Lock() for each in strikes for name in each.harmed}
    told = [(each, begun, faults, missed, over, [turns[name] for name in sorted(each.harmed)]) for each in strikes]
    threads = [threading.Thread(target=_one, args=each) for each in told]
    try:
        for thread in threads:
            thread.start()
        over.wait(max(0.0, begun + seconds - time.monotonic()))
    finally:
        over.set()
        for thread in threads:
            if thread.ident is not None:
                thread.join()
    return missed


def _one(strike: Strike, begun: float, faults: Faults, missed: list[str], over: threading.Event, turns: Turns) -> None:
    over.wait(max(0.0, begun + strike.at - time.monotonic()))
    with ExitStack() as waited:  # what this is done to may still be starting again after the strike before
        for turn in turns:
            waited.enter_context(turn)
        if over.is_set():
            missed.append(f"{strike.fault} {strike.target}: too late")
        else:
            _harm(strike, faults, missed, over)


def _harm(strike: Strike, faults: Faults, missed: list[str], over: threading.Event) -> None:
    _say(f"{strike.at:6.1f} s  {strike.fault} {strike.target} for {strike.seconds:.1f} s")
    try:
        heal = faults.begin(strike)
    except Exception as error:  # noqa: BLE001 (what was to be harmed may be away by another fault)
        missed.append(f"{strike.fault} {strike.target}: {type(error).__name__}")
        _say(f"         missed: {missed[-1]}: {str(error)[:200]}")
        return
    over.wait(strike.seconds)
    _persistently(heal)


def _persistently(heal: Callable[[], None], attempts: int = 3) -> None:
    for _ in range(attempts - 1):
        with suppress(Exception):
            heal()
            return
    heal()


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)  # noqa: T201 (who waits wants to know)
