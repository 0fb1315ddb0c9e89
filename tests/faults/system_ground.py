"""What faults are done to on purpose: six processes on real servers, one client's notes, and the judge of chaos."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from chaos.checker import Verdict, check
from chaos.client import Client, Item
from chaos.faults import Faults
from chaos.journal import Journal, Outcome
from chaos.load import canary
from chaos.observe import Sampler, observe, ports_of, wait_for_quiet
from chaos.system import SHOPS, System, running
from chaos.worker import Worker

from services.graph.ports import GraphPorts
from shared.engines import Engines

SHOP = SHOPS[0]
_QUIET = 180.0
_BREAKABLE = "chaos.breakable"


@dataclass
class Ground:
    """The system, who speaks to it, and what was told."""

    system: System
    engines: Engines
    faults: Faults
    sampler: Sampler
    journal: Journal
    client: Client
    numbers: Iterator[int] = field(default_factory=count)

    @property
    def ports(self) -> GraphPorts:
        """What the graph is verified and mended with."""
        return ports_of(self.engines)

    def worker(self, name: str) -> Worker:
        """Return a service's process."""
        return self.system.workers[name]

    def bought(self, user: str = "u1", shop: str = SHOP, id: str = "") -> Item:
        """Return a purchase that nobody has told yet."""
        number = next(self.numbers)
        line = {"product_id": f"p{number % 7}", "quantity": 1, "unit_price": "2.50", "name": canary(shop)}
        head = {"purchase_id": id or f"f{number}", "user_id": user, "currency": "EUR"}
        return Item(shop, "purchases", {**head, "purchased_at": datetime.now(UTC).isoformat(), "lines": [line]})

    def several(self, number: int = 6, **about: str) -> list[Item]:
        """Return purchases of several users, which lie in several partitions."""
        return [self.bought(f"u{n}", **about) for n in range(number)]

    def tell(self, items: list[Item], seconds: float = 60.0) -> None:
        """Send until all of it was acknowledged, as a shop would."""
        until(lambda: self.client.send(items), seconds, "it was never acknowledged")

    def last(self) -> Any:
        """Return what was noted last."""
        return self.journal.attempts()[-1]

    def alight(self) -> None:
        """Wait until every service is ready; what was restarted before does not count."""
        self.system.wait_until_ready()
        for worker in self.system.workers.values():
            worker.restarts = 0

    def judge(self, embedded: Path | None = None) -> Verdict:
        """Wait for quiet; nothing may be found. With a directory, the embedded runtime must agree, too."""
        assert wait_for_quiet(self.engines, self.ports, _QUIET) == ""
        seen = observe(
            self.engines,
            self.journal.attempts(),
            embedded,
            poison=frozenset(self.faults.poison),
            samples=list(self.sampler.samples),
        )
        verdict = check(self.journal.attempts(), seen)
        assert verdict.findings == {}
        assert [said for worker in self.system.workers.values() for said in worker.bad_ends] == []
        return verdict

    def restarted(self, *names: str) -> bool:
        """Say whether one of these has ended and was started again."""
        return any(self.worker(name).restarts for name in names)

    @contextmanager
    def paused(self, *names: str) -> Iterator[None]:
        """Let workers stand still meanwhile."""
        for name in names:
            self.worker(name).held = True
            self.worker(name).send(signal.SIGSTOP)
        try:
            yield
        finally:
            for name in names:
                self.worker(name).send(signal.SIGCONT)
                self.worker(name).held = False


@contextmanager
def standing(home: Path) -> Iterator[Ground]:
    """Start all of it; end exactly that."""
    journal = Journal()
    with running(home, through=_BREAKABLE) as system, closing(system.engines()) as engines:
        sampler, faults = Sampler(engines), Faults.of(system, journal)
        faults.wiping = sampler.forgetting_graph
        with sampler.running(), closing(faults.bus):
            yield Ground(system, engines, faults, sampler, journal, Client(system, journal))


def until(condition: Callable[[], object], seconds: float = 60.0, said: str = "it did not come about in time") -> None:
    """Wait for something; `said` tells what never came."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, said
        time.sleep(0.1)


__all__ = ["SHOP", "Ground", "Outcome", "standing", "until"]
