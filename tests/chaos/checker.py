"""Judges a run: what clients were told against what is there (FAULTS' invariants I1 to I7, I9 and I11). Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from chaos.journal import Attempt, Outcome
from chaos.observed import Key, Observed, Said

EVENTS = frozenset({"purchase", "interest", "product", "user"})
ARTEFACTS = frozenset({"email", "board"})
_FINISHED = frozenset({"done", "skipped", "failed"})
_BARE = 500


@dataclass
class Verdict:
    """What was found; every list is of words that name the thing, and is empty when all is well."""

    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)  # I1
    doubled: list[str] = field(default_factory=list)  # I2, I11
    unasked: list[str] = field(default_factory=list)  # I3
    unequal: list[str] = field(default_factory=list)  # I4
    backwards: list[str] = field(default_factory=list)  # I5
    misjudged: list[str] = field(default_factory=list)  # I6
    crossed: list[str] = field(default_factory=list)  # I7
    crashed: list[str] = field(default_factory=list)  # I9

    @property
    def findings(self) -> dict[str, list[str]]:
        """What is not as it must be."""
        return {name: found for name, found in vars(self).items() if name != "acknowledged" and found}


def check(attempts: Sequence[Attempt], seen: Observed) -> Verdict:
    """Return what is wrong, if anything."""
    erased = {
        (each.shop, each.user) for each in attempts if each.kind == "erasure" and each.outcome is not Outcome.FAILED
    }
    stays = [each for each in attempts if (each.shop, each.user) not in erased]
    return Verdict(
        acknowledged=sum(each.outcome is Outcome.OK for each in attempts),
        lost=sorted(
            {*_lost_events(stays, seen), *_lost_in_graph(seen), *_lost_artefacts(stays, seen), *_lost_poison(seen)}
        ),
        doubled=sorted({*_doubled_effects(seen), *_doubled_artefacts(attempts, seen)}),
        unasked=sorted({*_unasked(attempts, seen), *_remembered(erased, attempts, seen)}),
        unequal=_unequal(seen),
        backwards=_backwards(seen),
        misjudged=sorted(_misjudged(seen, erased)),
        crossed=sorted(seen.crossed),
        crashed=sorted(f"{each.kind} {each.id}: 500" for each in attempts if each.status == _BARE),
    )


def _lost_events(attempts: Iterable[Attempt], seen: Observed) -> Iterator[str]:
    """I1: what was acknowledged stands in the ledger, or is quarantined, or is a dead letter."""
    held = {(*said.key, said.digest) for said in (*seen.ledger, *seen.quarantined)}
    for each in attempts:
        if each.kind in EVENTS and each.outcome is Outcome.OK:
            told = (each.shop, each.kind, each.id, each.digest)
            if told not in held and each.place not in seen.parked:
                yield f"{each.shop}/{each.kind}/{each.id} was acknowledged and is not in the ledger"


def _lost_in_graph(seen: Observed) -> Iterator[str]:
    if seen.behind:
        yield f"{seen.behind} records of the log have not reached the graph"
    for key, count in _expected(seen).items():
        if seen.bought.get(key, 0) < count:
            yield f"{'/'.join(key)}: {count} purchases, {seen.bought.get(key, 0)} in the graph"


def _lost_artefacts(attempts: Iterable[Attempt], seen: Observed) -> Iterator[str]:
    """I1 for requests: what was answered 201 is there, what was answered 202 was finished."""
    there = {(made.shop, made.kind, made.id) for made in seen.made}
    for each in attempts:
        if each.kind in ARTEFACTS and each.outcome is Outcome.OK and each.made:
            finished = seen.jobs.get((each.shop, each.made)) in _FINISHED
            if (each.shop, each.kind, each.made) not in there and (each.status == 201 or not finished):
                yield f"{each.shop}/{each.kind}/{each.made} was promised and never made"


def _lost_poison(seen: Observed) -> Iterator[str]:
    for place in sorted(seen.poison - seen.parked):
        yield f"poison at {place} is in no dead letter"


def _expected(seen: Observed) -> Counter[tuple[str, str, str]]:
    """Return how often each user bought each product, by the ledger alone, without the product's own projection."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for said in seen.ledger:
        counts.update((said.key[0], said.user, product) for product in said.products)
    return counts


def _doubled_effects(seen: Observed) -> Iterator[str]:
    """I2: one entry for an id, and one effect in the graph for an entry."""
    for key, count in Counter(said.key for said in seen.ledger).items():
        if count > 1:
            yield f"{'/'.join(key)} stands {count} times in the ledger"
    expected = _expected(seen)
    for key, count in seen.bought.items():
        if count > expected[key]:
            yield f"{'/'.join(key)}: {expected[key]} purchases, {count} in the graph"


def _doubled_artefacts(attempts: Iterable[Attempt], seen: Observed) -> Iterator[str]:
    """I11: a key names one artefact, and an artefact has one content."""
    named: dict[Key, set[str]] = defaultdict(set)
    for each in attempts:
        if each.kind in ARTEFACTS and each.made:
            named[each.shop, each.kind, each.id].add(each.made)
    contents: dict[Key, set[str]] = defaultdict(set)
    for made in seen.made:
        contents[made.shop, made.kind, made.id].add(made.digest)
    for found, what in ((named, "artefacts under one key"), (contents, "contents of one artefact")):
        yield from (f"{'/'.join(key)}: {len(ids)} {what}" for key, ids in found.items() if len(ids) > 1)


def _unasked(attempts: Iterable[Attempt], seen: Observed) -> Iterator[str]:
    """I3: nothing is stored that no client sent, or that every answer refused."""
    possible = {(a.shop, a.kind, a.id, a.digest) for a in attempts if a.outcome is not Outcome.FAILED}
    for said in seen.ledger:
        if said.key[1] in EVENTS and (*said.key, said.digest) not in possible:
            yield f"{'/'.join(said.key)} is stored, and no client sent it with success or in doubt"


def _remembered(erased: set[tuple[str, str]], attempts: Iterable[Attempt], seen: Observed) -> Iterator[str]:
    """I10: who asked to be forgotten, and was told so, is in no ledger, graph or artefact."""
    promised = {(a.shop, a.user) for a in attempts if a.kind == "erasure" and a.outcome is Outcome.OK} & erased
    for said in seen.ledger:
        if (said.key[0], said.user) in promised and said.key[1] in EVENTS:
            yield f"{'/'.join(said.key)} is of someone who was erased"
    for shop, user in promised:
        if user in seen.known_users.get(shop, frozenset()):
            yield f"{shop}/{user} was erased and is in the graph"


def _unequal(seen: Observed) -> list[str]:
    """I4: the graph is what the ledger says, and what the other runtime makes of the same log."""
    expected = seen.digests.get("ledger", {})
    return [f"{side}: {dict(found)}, not {dict(expected)}" for side, found in seen.digests.items() if found != expected]


def _backwards(seen: Observed) -> list[str]:
    """I5: a watermark only advances in its generation of the graph; a wiped graph begins anew."""
    found, last = [], {}
    for whose, marks in seen.samples:
        if not whose:
            last = {key: at for key, at in last.items() if not key[0].startswith("graph")}
        for place, offset in marks.items():
            if offset < last.get((whose, place), offset):
                found.append(f"{whose} {place}: {last[whose, place]} → {offset}")
            last[whose, place] = offset
    return found


def _misjudged(seen: Observed, erased: set[tuple[str, str]]) -> Iterator[str]:
    """I6: of several contents the first in its partition stands, every other one is quarantined; all are dealt with."""
    stands = {said.key: said for said in seen.ledger}
    quarantined = {said.place for said in seen.quarantined}
    for key, told in _by_key(seen.log).items():
        if (key[0], told[0].user) in erased:
            continue
        if key not in stands:
            yield f"{'/'.join(key)} is in the log and not in the ledger"
            continue
        first = min(told, key=lambda said: said.place)
        if len({said.place[:2] for said in told}) == 1 and stands[key].place != first.place:
            yield f"{'/'.join(key)}: {stands[key].place} stands, {first.place} came first"
        for said in told:
            if said.digest != stands[key].digest and said.place not in quarantined:
                yield f"{'/'.join(key)}: another content at {said.place} is not quarantined"


def _by_key(said: Iterable[Said]) -> dict[Key, list[Said]]:
    found: dict[Key, list[Said]] = defaultdict(list)
    for each in said:
        found[each.key].append(each)
    return found
