"""The checker finds each thing that must not be, and nothing in a run that went well."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaos.checker import check
from chaos.journal import Attempt, Outcome, outcome_of
from chaos.observed import Made, Observed, Said

OK, FAILED, UNKNOWN = Outcome.OK, Outcome.FAILED, Outcome.UNKNOWN
TOPIC = "commerce.purchases.v1"


def sent(id: str, outcome: Outcome = OK, digest: str = "d", **more) -> Attempt:
    return Attempt(
        **{"shop": "s", "kind": "purchase", "id": id, "digest": digest, "outcome": outcome, "user": "u", **more}
    )


def said(id: str, offset: int, digest: str = "d", user: str = "u") -> Said:
    return Said(("s", "purchase", id), digest, (TOPIC, 0, offset), user, ("milk",))


def good() -> tuple[list[Attempt], Observed]:
    """One purchase told twice, one contradicted, one in doubt, one refused; an email; a poisoned record."""
    attempts = [
        sent("a"),
        sent("a"),
        sent("b"),
        sent("b", digest="other"),
        sent("c", UNKNOWN),
        sent("d", FAILED, status=422),
        sent("k", kind="email", digest="", made="e1", status=201),
    ]
    ledger = [said("a", 0), said("b", 1)]
    log = [*ledger, said("a", 2), said("b", 3, "other")]
    return attempts, Observed(
        log=log,
        ledger=ledger,
        quarantined=[said("b", 3, "other")],
        parked=frozenset({(TOPIC, 0, 9)}),
        poison=frozenset({(TOPIC, 0, 9)}),
        digests={"ledger": {"s": "1"}, "graph": {"s": "1"}, "embedded": {"s": "1"}},
        bought={("s", "u", "milk"): 2},
        made=[Made("s", "email", "e1", "x"), Made("s", "email", "e1", "x")],
        samples=[
            ("graph, generation 1", {(TOPIC, 0, 0): 2}),
            ("graph, generation 2", {(TOPIC, 0, 0): 1}),
            ("", {}),
            ("graph, generation 1", {(TOPIC, 0, 0): 0}),
        ],
    )


def test_a_run_that_went_well_is_found_well_and_its_acknowledgements_are_counted():
    verdict = check(*good())
    assert {} == verdict.findings
    assert 5 == verdict.acknowledged


@pytest.mark.parametrize(
    ("what", "changed"),
    [
        ("lost", lambda seen: replace(seen, ledger=[said("b", 1)], bought={("s", "u", "milk"): 1})),
        ("lost", lambda seen: replace(seen, bought={("s", "u", "milk"): 1})),
        ("lost", lambda seen: replace(seen, behind=3)),
        ("lost", lambda seen: replace(seen, made=[])),
        ("lost", lambda seen: replace(seen, parked=frozenset())),
        ("doubled", lambda seen: replace(seen, bought={("s", "u", "milk"): 3})),
        ("doubled", lambda seen: replace(seen, ledger=[*seen.ledger, said("a", 2)])),
        ("doubled", lambda seen: replace(seen, made=[*seen.made, Made("s", "email", "e1", "y")])),
        ("unasked", lambda seen: replace(seen, ledger=[*seen.ledger, said("d", 4)])),
        ("unasked", lambda seen: replace(seen, ledger=[*seen.ledger, said("never", 4)])),
        ("unequal", lambda seen: replace(seen, digests={**seen.digests, "graph": {"s": "2"}})),
        ("unequal", lambda seen: replace(seen, digests={**seen.digests, "embedded": {}})),
        ("backwards", lambda seen: replace(seen, samples=[seen.samples[0], seen.samples[3]])),
        ("misjudged", lambda seen: replace(seen, quarantined=[])),
        ("misjudged", lambda seen: replace(seen, ledger=[seen.ledger[0], said("b", 3, "other")])),
        ("misjudged", lambda seen: replace(seen, log=[*seen.log, said("z", 5)])),
        ("crossed", lambda seen: replace(seen, crossed=["s: a canary"])),
    ],
)
def test_what_must_not_be_is_found(what, changed):
    attempts, seen = good()
    assert what in check(attempts, changed(seen)).findings


def test_a_purchase_acknowledged_in_the_ledger_and_parked_instead_is_not_lost():
    attempts, seen = good()
    parked = seen.parked | {(TOPIC, 0, 7)}
    assert {} == check([*attempts, sent("p", place=(TOPIC, 0, 7))], replace(seen, parked=parked)).findings


def test_one_key_that_named_two_artefacts_is_doubled():
    attempts, seen = good()
    again = sent("k", kind="email", digest="", made="e2", status=202)
    verdict = check([*attempts, again], replace(seen, jobs={("s", "e2"): "done"}))
    assert ["doubled"] == list(verdict.findings)


def test_what_was_promised_with_202_must_be_finished():
    attempts, seen = good()
    promised = [*attempts, sent("l", kind="board", digest="", made="b1", status=202)]
    assert ["lost"] == list(check(promised, replace(seen, jobs={("s", "b1"): "pending"})).findings)
    assert [] == list(check(promised, replace(seen, jobs={("s", "b1"): "failed"})).findings)


def test_who_was_erased_is_not_missed_and_must_not_be_there():
    attempts, seen = good()
    leaver = sent("x", user="gone")
    erasure = sent("gone", kind="erasure", digest="", user="gone", status=202)
    assert {} == check([*attempts, leaver, erasure], seen).findings
    kept = replace(
        seen, ledger=[*seen.ledger, said("x", 4, user="gone")], bought={**seen.bought, ("s", "gone", "milk"): 1}
    )
    assert "unasked" in check([*attempts, leaver, erasure], kept).findings
    known = replace(seen, known_users={"s": frozenset({"gone"})})
    assert "unasked" in check([*attempts, leaver, erasure], known).findings


def test_a_bare_500_is_told():
    attempts, seen = good()
    assert ["crashed"] == list(check([*attempts, sent("/v1/users/u", UNKNOWN, kind="read", status=500)], seen).findings)


def test_only_a_4xx_is_sure_to_have_had_no_effect():
    statuses = {202: OK, 201: OK, 422: FAILED, 401: FAILED, 503: UNKNOWN, 500: UNKNOWN, 0: UNKNOWN}
    assert statuses == {status: outcome_of(status) for status in statuses}
