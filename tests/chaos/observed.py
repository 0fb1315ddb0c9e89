"""What a run left, as plain data: the log, the ledger, the graph, what was made; the checker sees nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chaos.journal import Place

Key = tuple[str, str, str]  # shop, kind, id


@dataclass(frozen=True, slots=True)
class Said:
    """One content under one event id, and where in the log it stands."""

    key: Key
    digest: str
    place: Place
    user: str = ""
    products: tuple[str, ...] = ()  # of a purchase, one for each line


@dataclass(frozen=True, slots=True)
class Made:
    """One artefact as it was published or kept: the digest of its content."""

    shop: str
    kind: str
    id: str
    digest: str


# Whose watermarks (history, or a generation of the graph: a rebuilt one may begin behind), and how far they are.
Sample = tuple[str, Mapping[tuple[str, str, int], int]]


@dataclass
class Observed:
    """Everything after the run; `samples` were taken while it went on, `""` stands where the graph was wiped."""

    log: Sequence[Said] = ()
    ledger: Sequence[Said] = ()
    quarantined: Sequence[Said] = ()
    parked: frozenset[Place] = frozenset()  # where dead letters stood
    poison: frozenset[Place] = frozenset()
    digests: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # ledger, graph, embedded → shop → digest
    bought: Mapping[tuple[str, str, str], int] = field(default_factory=dict)  # shop, user, product → times in the graph
    made: Sequence[Made] = ()
    jobs: Mapping[tuple[str, str], str] = field(default_factory=dict)  # shop, id → status
    samples: Sequence[Sample] = ()
    behind: int = 0  # records of the log that the graph's watermarks have not reached
    known_users: Mapping[str, frozenset[str]] = field(default_factory=dict)  # shop → users in the graph
    crossed: Sequence[str] = ()  # where one shop's canary was found in another
