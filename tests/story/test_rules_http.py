"""A shop's rules over HTTP: obeyed by answers, emails and boards at once, and found again in decisions."""

from __future__ import annotations

import json

import msgspec
import pytest

from services.email.wording import copy_for, reason
from shared.knowledge.insight import Insight
from shared.knowledge.recommend import recommend

TWICE = {"action": "boost", "category": ["Food"], "factor": 2}


@pytest.fixture
def rule(served):
    """Make rules that are gone after the test."""
    made = []

    def make(**said) -> str:
        answer = served.post("/v1/rules", said)
        assert 201 == answer.status_code, answer.json
        made.append(answer.headers["Location"])
        return answer.json["rule_id"]

    yield make
    for where in made:
        served.delete(where)


def offered(served, user: str = "ann") -> dict[str, list[str]]:
    told = served.get(f"/v1/users/{user}/recommendations").json
    return {name: [item["product_id"] for item in told[name]] for name in ("buy_again", "discover", "top")}


def test_an_excluded_product_is_offered_nowhere_until_the_rule_is_removed(served, rule):
    assert "tea" in offered(served)["buy_again"]
    id = rule(action="exclude", product_id="tea", note="recalled")
    assert not [name for name, listed in offered(served).items() if "tea" in listed]
    email, board = (served.post(f"/v1/{kind}", {"user_id": "ann"}).json for kind in ("emails", "boards"))
    assert "tea" not in {each["product_id"] for each in email["products"]}
    assert '"tea"' not in json.dumps(board["board"])
    assert 204 == served.delete(f"/v1/rules/{id}").status_code
    assert "tea" in offered(served)["buy_again"]
    trail = [(each["action"], each["target"]) for each in served.get("/v1/audit").json["items"][:2]]
    assert [("rule.removed", id), ("rule.made", id)] == trail


def test_a_pin_and_a_boost_are_told_and_kept_in_the_decision(served, rule):
    pin, boost = rule(action="pin", product_id="apples"), rule(**TWICE)
    first = served.get("/v1/users/ann/recommendations").json["top"][0]
    assert ("apples", {pin}) == (first["product_id"], {pin} & set(first["rules"]))
    assert "picked by the shop" in first["reason"].lower()
    email = served.post("/v1/emails", {"user_id": "ann"}).json
    card = next(each for each in email["products"] if each["product_id"] == "apples")
    assert 1.0 == card["parts"]["pin"]
    kept = msgspec.json.decode(served.get(f"/v1/decisions/{email['decision_id']}").json["insight"], type=Insight)
    assert [pin, boost] == [each.rule_id for each in kept.rules]
    again = recommend(kept)
    assert email["decision_id"] == again.decision_id
    german = [reason(item, kept, copy_for("de")) for item in (*again.buy_again, *again.discover)]
    assert all("Geschäft" in said for said in german)


def test_a_rule_is_in_force_from_its_beginning_to_its_end(served, rule):
    rule(action="exclude", product_id="tea", starts_at="2026-01-01T00:00:00Z", ends_at="2026-02-01T00:00:00Z")
    rule(action="exclude", product_id="bread", starts_at="2099-01-01T00:00:00Z")
    assert {"tea", "bread"} <= set(offered(served)["top"])


def test_rules_are_listed_in_order_and_belong_to_their_shop(served, rule):
    made = [rule(**TWICE), rule(action="exclude", price_from="99.5", currency="eur")]
    listed = served.get("/v1/rules").json["items"]
    assert made == [each["rule_id"] for each in listed]
    assert ("99.5", "EUR") == (listed[1]["price_from"], listed[1]["currency"])
    assert listed[0] == served.get(f"/v1/rules/{made[0]}").json
    other = served.key("other")
    assert [] == served.client.get("/v1/rules", headers=other).json["items"]
    assert 404 == served.client.delete(f"/v1/rules/{made[0]}", headers=other).status_code
    reader = served.key("demo", "rules:read")
    assert 403 == served.client.post("/v1/rules", json=TWICE, headers=reader).status_code


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"action": "boost"},
        {"action": "hide", "product_id": "tea"},
        {"action": "pin", "price_to": "3"},
        {"action": "pin", "currency": "EUR"},
        {"action": "pin", "product_id": "tea", "factor": 2},
        {"action": "boost", "product_id": "tea", "factor": 1e999},
        {"action": "exclude", "price_from": "5", "price_to": "3", "currency": "EUR"},
        {"action": "exclude", "category": []},
        {**TWICE, "starts_at": "2026-02-01T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z"},
    ],
)
def test_a_rule_that_says_nothing_or_too_much_is_refused(served, said):
    assert served.post("/v1/rules", said).status_code in {400, 422}
