"""What a few purchases change is amended: exactly what deriving everything again would say of those whom it touches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from services.graph import neighbours
from services.graph.amending import Standing
from services.graph.fitting import Fit
from services.graph.likeness import Likeness
from services.graph.neighbours import derive, drawn
from services.graph.ports import Changed
from services.graph.signals import incidence, mean_loyalty, present, since
from services.graph.standings import Standings
from services.graph.weights import rare
from shared.knowledge.insight import Parameters
from shared.knowledge.port import Amendment, PurchaseMatrix

DAY = 86_400_000
AT = 1_793_700_000_000
Line = tuple[str, str, int]


def matrix(lines: Sequence[Line]) -> PurchaseMatrix:
    users, products = sorted({u for u, _, _ in lines}), sorted({p for _, p, _ in lines})
    at = {name: place for names in (users, products) for place, name in enumerate(names)}
    rows = np.array(sorted((at[u], at[p], time) for u, p, time in lines), dtype=np.int64).reshape(-1, 3)
    return PurchaseMatrix(users, products, rows[:, 0], rows[:, 1], rows[:, 2])


def of(lines: Sequence[Line], *people: str) -> PurchaseMatrix:
    return matrix([line for line in lines if line[0] in people])


@pytest.fixture
def lines() -> list[Line]:
    """A year of 60 people, some products bought by many, most by a few."""
    rng = np.random.default_rng(11)
    drawn_ = zip(
        rng.integers(0, 60, 900), (120 * rng.random(900) ** 2).astype(int), rng.integers(0, 400, 900), strict=True
    )
    return [*((f"u{u:02}", f"p{p:03}", AT - int(d) * DAY) for u, p, d in drawn_), ("u00", "p000", AT)]


@pytest.fixture(autouse=True)
def few_are_common(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.graph.neighbours.MOST_ITEMS", 20)
    monkeypatch.setattr("services.graph.amending.MOST_ITEMS", 20)


def standing(lines: Sequence[Line]) -> tuple[Standing, dict[str, dict[str, float]]]:
    purchases = matrix(lines)
    derived = derive(purchases, {}, Fit(Parameters(), AT, 0, len(lines), 0, 0.0, {}))
    circles: dict[str, dict[str, float]] = {user: {} for user in purchases.users}
    for user, similar, score, _ in derived.similar_to:
        circles[user][similar] = score
    return Standing.of(purchases, derived), circles


def put(circles: dict[str, dict[str, float]], amendment: Amendment) -> None:
    for user, some in amendment.similar_to.items():
        circles[user] = {similar: score for similar, score, _ in some}


CHANGES: Sequence[Sequence[Line]] = (
    [("u03", "p100", AT + 1), ("u03", "p101", AT + 1), ("u03", "p005", AT + 1)],
    [("new", "p001", AT + 2), ("new", "p090", AT + 2), ("u07", "brand-new", AT + 2)],
    [("u03", "brand-new", AT + 3), ("new", "brand-new", AT + 3), ("u50", "p100", AT + 3)],
)


def test_circles_are_what_comparing_everyone_again_would_give(lines: list[Line]) -> None:
    stands, circles = standing(lines)
    weights = dict(zip(matrix(lines).products, stands.circles._weights, strict=True))
    for change in CHANGES:
        lines += change
        people = {user for user, _, _ in change}
        amendment = stands.amended(of(lines, *people), sorted(people))
        assert amendment is not None
        put(circles, amendment)
        whole = matrix(lines)
        weighed = np.array([weights.get(product, np.log1p(60)) for product in whole.products])
        found = Likeness.of(incidence(whole), weighed).nearest(np.arange(len(whole.users)))
        for number, user in enumerate(whole.users):
            expected = sorted(found[2][found[0] == number].tolist())
            assert expected == pytest.approx(sorted(circles[user].values()), abs=2e-6), user


def test_what_stands_beside_a_rare_product_is_what_deriving_again_would_give(lines: list[Line]) -> None:
    stands, _ = standing(lines)
    common = {stands.products.ids[product] for product in stands.common}
    for change in CHANGES:
        lines += change
        people = {user for user, _, _ in change}
        amendment = stands.amended(of(lines, *people), sorted(people))
        assert amendment is not None
        whole = matrix(lines)
        year = incidence(since(whole, AT - neighbours.YEAR))
        items = np.array([n for n, product in enumerate(whole.products) if product in common])
        edges = neighbours._edges(rare(year, items, Parameters().ridge), whole.products)
        assert amendment.bought_with
        for source, found in amendment.bought_with.items():
            expected = {(target, support): score for one, target, score, support in edges if one == source}
            assert sorted(expected.values()) == pytest.approx(sorted(score for _, score, _ in found), abs=2e-6), source


def test_what_products_draw_is_what_deriving_again_would_give(lines: list[Line]) -> None:
    stands, _ = standing(lines)
    mean = mean_loyalty(matrix(lines))
    for change in CHANGES:
        lines += change
        people = {user for user, _, _ in change}
        amendment = stands.amended(of(lines, *people), sorted(people))
        assert amendment is not None
        whole = {row[0]: row for row in drawn(matrix(lines), Parameters().newcomer_days, present(matrix(lines)), mean)}
        assert {product for _, product, _ in change} == {row[0] for row in amendment.products}
        for row in amendment.products:
            assert row == pytest.approx(whole[row[0]])


def test_buying_the_same_again_changes_nobodys_neighbours(lines: list[Line]) -> None:
    stands, _ = standing(lines)
    user, product, _ = lines[0]
    lines.append((user, product, AT + 5))
    amendment = stands.amended(of(lines, user), [user])

    assert amendment is not None
    assert ({}, {}, [product]) == (amendment.similar_to, amendment.bought_with, [row[0] for row in amendment.products])


def test_a_day_later_or_after_too_much_or_without_somebody_everything_is_derived_again(lines: list[Line]) -> None:
    late = standing(lines)[0].amended(of([*lines, ("u01", "p1", AT + 2 * DAY)], "u01"), ["u01"])
    many = standing(lines)[0].amended(of([*lines, *(("u01", f"x{n}", AT) for n in range(201))], "u01"), ["u01"])
    gone = standing(lines)[0].amended(matrix([]), ["u01"])

    assert (None, None, None) == (late, many, gone)


def test_an_erased_person_is_forgotten_at_once_and_nothing_stands(lines: list[Line]) -> None:
    stands = Standings()
    purchases = matrix(lines)
    derived = derive(purchases, {}, Fit(Parameters(), AT, 0, len(lines), 0, 0.0, {}))
    stands.keep("s", Standing.of(purchases, derived))
    with stands.taken("s", AT) as (held, _):
        assert held is not None
    stands.note(Changed(frozenset({"s"}), anew=frozenset({"s"})))
    with stands.taken("s", AT) as (held, _):
        assert held is None


def test_what_another_process_refreshed_since_does_not_stand(lines: list[Line]) -> None:
    stands = Standings()
    purchases = matrix(lines)
    derived = derive(purchases, {}, Fit(Parameters(), AT, 0, len(lines), 0, 0.0, {}))
    stands.keep("s", Standing.of(purchases, derived))
    with stands.taken("s", AT + 1) as (held, _):
        assert held is None


def test_nothing_heard_changes_nothing(lines: list[Line]) -> None:
    stands, _ = standing(lines)

    assert Amendment({}, {}, []) == stands.amended(matrix([]), [])
