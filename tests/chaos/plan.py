"""What will be done to the system, and when: all of it follows from the seed. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

WORKERS = ("ingest", "graph-1", "graph-2", "email", "visionboard", "gateway")
SERVERS = ("kafka", "neo4j", "mongodb", "redis", "s3")


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault: when it begins (seconds), how long it lasts, on what; `number` decides its details."""

    at: float
    seconds: float
    fault: str
    target: str
    number: int

    @property
    def harmed(self) -> tuple[str, ...]:
        """All that this is done to."""
        return ("graph-1", "graph-2") if self.fault == "offsets" else (self.target,)


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault: what it may befall, and how long it may last (seconds)."""

    targets: tuple[str, ...]
    shortest: float
    longest: float
    weight: int = 2


# mongo-java-server is ended, not killed: killed, it forgets what it acknowledged (docs/reliability.md).
FAULTS = {
    "kill": Fault((*WORKERS, "kafka", "neo4j", "redis", "s3"), 1, 6, 6),
    "pause": Fault((*WORKERS, *SERVERS), 2, 15, 4),
    "end": Fault((*WORKERS, "mongodb"), 1, 6, 4),
    "cut": Fault(SERVERS, 2, 12, 4),
    "slow": Fault(SERVERS, 4, 12, 3),
    "wipe": Fault(("neo4j",), 1, 1, 1),
    "flush": Fault(("redis",), 1, 1, 1),
    "repeat": Fault(("log",), 1, 1, 3),
    "contradict": Fault(("log",), 1, 1, 2),
    "poison": Fault(("log",), 1, 1, 2),
    "offsets": Fault(("graph-1",), 1, 4, 1),  # ends both graph workers meanwhile
}
_FIRST = ("repeat", "contradict")  # every plan has these, so that deduplication always has something to do
_AT_ONCE = (1, 1, 1, 2, 2, 3)


def plan(seed: int, seconds: float) -> list[Strike]:
    """Return the strikes of a run: up to three at once, then a rest; all are over before the end."""
    chance = random.Random(seed)  # noqa: S311 (the same plan every time)
    return list(_strikes(chance, seconds))


def _strikes(chance: random.Random, seconds: float) -> Iterator[Strike]:
    for name in _FIRST:
        yield _strike(chance, name, 4.0, seconds)
    at = 6.0
    while at < seconds - 4:
        end, taken = at, set[str]()
        for _ in range(chance.choice(_AT_ONCE)):
            strike = _strike(chance, _drawn(chance), at + chance.uniform(0, 2), seconds)
            if strike.target not in taken:
                taken.add(strike.target)
                end = max(end, strike.at + strike.seconds)
                yield strike
        at = end + chance.uniform(1, 5)


def _drawn(chance: random.Random) -> str:
    names = list(FAULTS)
    return chance.choices(names, [FAULTS[name].weight for name in names])[0]


def _strike(chance: random.Random, name: str, at: float, end: float) -> Strike:
    fault = FAULTS[name]
    lasts = chance.uniform(fault.shortest, fault.longest)
    target, number = chance.choice(fault.targets), chance.randrange(1 << 30)
    return Strike(round(at, 2), round(min(lasts, max(end - at, 0.5)), 2), name, target, number)
