"""Emails and boards for a segment, as one job: counted, paused, driven on by another gateway, twice for nobody."""

from __future__ import annotations

import csv
import json
from collections import Counter

import pytest

from services.gateway import driving
from services.gateway.driver import Driver
from shared.contracts.codec import decode
from shared.contracts.topics import EMAIL_REQUESTS, EMAILS
from shared.erasures import CAMPAIGN_LISTS, CAMPAIGN_OUTCOMES

CROWD = [f"u{number:02d}" for number in range(12)]


def crowd(gateway) -> None:
    """Let a dozen users buy milk."""
    line = {"product_id": "milk", "quantity": 1, "unit_price": "2.50", "name": "Milk", "categories": ["Food", "Dairy"]}
    now = gateway.engines.clock.now().isoformat()
    head = {"purchased_at": now, "currency": "EUR", "lines": [line]}
    orders = [{**head, "purchase_id": f"b-{user}", "user_id": user} for user in CROWD]
    assert 202 == gateway.post("/v1/purchases", orders).status_code
    gateway.eventually(lambda: len(gateway.get("/v1/users?page_size=500").json["items"]) >= len(CROWD))


def begin(gateway, name: str, segment: dict, **more) -> str:
    begun = gateway.post("/v1/campaigns", {"campaign": name, "segment": segment, **more})
    assert (202, "running") == (begun.status_code, begun.json["status"]), begun.json
    return begun.headers["Location"]


def becomes(gateway, where: str, status: str) -> dict:
    gateway.eventually(lambda: gateway.get(where).json["status"] == status)
    return gateway.get(where).json


def steer(gateway, where: str, status: str):
    return gateway.client.patch(where, json={"status": status}, headers=gateway.admin)


def result(gateway, where: str) -> dict[str, dict]:
    lines = gateway.get(f"{where}/result").text.splitlines()
    return {said["user_id"]: said for said in map(json.loads, lines)}


def published(gateway, topic: str, campaign_of: set[str]) -> Counter[str]:
    """Count the distinct emails, or requests for some, of these users: what came twice under one id is one."""
    bus = gateway.engines.bus
    records = [each for end in bus.ends(topic) for each in bus.read(end.topic, end.partition, 0, 10_000)]
    events = {envelope.id: envelope.data for envelope in (decode(each.message) for each in records)}
    return Counter(event.user_id for event in events.values() if getattr(event, "user_id", None) in campaign_of)


def test_a_listed_segment_gets_its_emails_once_and_strangers_none(served):
    listed = {"users": ["ann", "bob", "=cmd()", "ann"]}
    where = begin(served, "spring", listed, period="2026-W47")
    told = becomes(served, where, "done")
    assert (3, 2, 1, 0) == tuple(told[name] for name in ("expected", "made", "skipped", "failed"))
    assert {"unknown-user": 1} == told["reasons"]
    said = result(served, where)
    assert 200 == served.get(f"/v1/emails/{said['ann']['id']}").status_code
    assert "unknown-user" == said["=cmd()"]["reason"]
    rows = list(csv.reader(served.get(f"{where}/result?format=csv").text.splitlines()))
    assert (["user_id", "status", "reason", "id"], "'=cmd()") == (rows[0], rows[1][0])
    again = begin(served, "spring", listed, period="2026-W47")
    assert 2 == becomes(served, again, "done")["made"]
    assert said == result(served, again)
    assert {"ann": 1, "bob": 1} == published(served, EMAILS, {"ann", "bob"})


def test_a_filtered_segment_is_counted_first_and_gets_boards(served):
    segment = {"category": ["food"], "bought_since": "2020-01-01"}
    assert {"users": 2, "looked_at": 2, "complete": True} == served.post("/v1/segments/count", segment).json
    where = begin(served, "boards", segment, makes="boards", layout="story")
    assert (2, 2) == tuple(becomes(served, where, "done")[name] for name in ("expected", "made"))
    board = served.get(f"/v1/boards/{result(served, where)['bob']['id']}").json
    assert ("bob", "story") == (board["user_id"], board["layout"])


def test_who_may_get_no_marketing_is_skipped_with_the_reason(served):
    assert 204 == served.client.put("/v1/suppressions/bob", headers=served.admin).status_code
    told = becomes(served, begin(served, "autumn", {"everyone": True}), "done")
    served.delete("/v1/suppressions/bob")
    assert (1, 1, {"suppressed": 1}) == (told["made"], told["skipped"], told["reasons"])


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/segment"),
        ({"segment": {}}, "/segment"),
        ({"segment": {"everyone": True, "interest": "Tea"}}, "/segment"),
        ({"segment": {"users": []}}, "/segment/users"),
        ({"segment": {"lapsed_since": "yesterday"}}, "/segment/lapsed_since"),
        ({"segment": {"lapsed_since": []}}, "/segment/lapsed_since"),
        ({"segment": {"everyone": True}, "template": "unheard-of"}, "/template"),
        ({"segment": {"everyone": True}, "layout": "wide"}, "/layout"),
        ({"segment": {"everyone": True}, "makes": "boards", "layout": "poster"}, "/layout"),
    ],
)
def test_a_campaign_that_could_not_be_is_refused_by_pointing_at_why(served, body, pointer):
    refused = served.post("/v1/campaigns", {"campaign": "x", **body})
    assert (422, pointer) == (refused.status_code, refused.json["errors"][0]["pointer"])


def test_a_campaign_is_its_shops_own_and_needs_the_scope_of_what_it_makes(served):
    where = begin(served, "mine", {"users": ["ann"]})
    other = served.key("other", "emails:read", "emails:write", "boards:read")
    mine = served.key("demo", "boards:read", "boards:write")
    for path in (where, f"{where}/result"):
        assert 404 == served.client.get(path, headers=other).status_code
        assert 403 == served.client.get(path, headers=mine).status_code
    assert 404 == served.client.patch(where, json={"status": "paused"}, headers=other).status_code
    assert 403 == served.client.patch(where, json={"status": "paused"}, headers=mine).status_code
    assert [] == served.client.get("/v1/campaigns", headers=other).json["items"]
    becomes(served, where, "done")
    ended = steer(served, where, "running")
    assert (409, "/problems/campaign-ended") == (ended.status_code, ended.json["type"])


def test_few_requests_are_in_flight_and_a_pause_lets_these_end(unanswered):
    crowd(unanswered)
    where = begin(unanswered, "slow", {"category": ["Food"]})
    asked = lambda: published(unanswered, EMAIL_REQUESTS, set(CROWD))  # noqa: E731 (asked again and again)
    unanswered.eventually(lambda: len(asked()) == 4)
    assert "pausing" == steer(unanswered, where, "paused").json["status"]
    unanswered.begin_making()
    assert 4 == becomes(unanswered, where, "paused")["made"]
    assert (4, 4) == (len(asked()), len(result(unanswered, where)))
    assert "running" == steer(unanswered, where, "running").json["status"]
    assert 12 == becomes(unanswered, where, "done")["made"]
    assert set(CROWD) == set(result(unanswered, where))
    assert dict.fromkeys(CROWD, 1) == published(unanswered, EMAILS, set(CROWD))


def test_a_cancelled_campaign_asks_for_nobody_else(unanswered):
    crowd(unanswered)
    where = begin(unanswered, "stopped", {"users": CROWD})
    unanswered.eventually(lambda: len(published(unanswered, EMAIL_REQUESTS, set(CROWD))) == 4)
    assert "cancelling" == steer(unanswered, where, "cancelled").json["status"]
    unanswered.begin_making()
    told = becomes(unanswered, where, "cancelled")
    assert (4, True) == (told["made"], told["finished_at"] is not None)
    assert 4 == len(published(unanswered, EMAIL_REQUESTS, set(CROWD)))
    assert [] == list(unanswered.engines.history.find(CAMPAIGN_LISTS, None).items)


def test_another_gateway_drives_on_where_one_died_and_nobody_gets_two(unanswered, monkeypatch):
    monkeypatch.setattr(driving, "LEASE_MS", 500)
    crowd(unanswered)
    where = begin(unanswered, "survivor", {"users": CROWD})
    unanswered.eventually(lambda: len(published(unanswered, EMAIL_REQUESTS, set(CROWD))) == 4)
    first = unanswered.gateway.driver
    first._background.stop()  # it dies: nothing is let go, nothing is kept
    unanswered.begin_making()
    others = [Driver(first._ports, 4) for _ in range(3)]
    for one in others:
        one.start()
    told = becomes(unanswered, where, "done")
    for one in others:
        one.stop()
    assert (12, 0) == (told["made"], told["failed"])
    assert dict.fromkeys(CROWD, 1) == dict(published(unanswered, EMAILS, set(CROWD)).items())


def test_a_campaign_goes_on_after_a_restart(unanswered, tmp_path):
    crowd(unanswered)
    where = begin(unanswered, "restarted", {"everyone": True})
    unanswered.eventually(lambda: len(published(unanswered, EMAIL_REQUESTS, set(CROWD))) == 4)
    unanswered.close()
    unanswered.__init__(tmp_path, wait=0.05)
    unanswered.begin_making()
    assert 12 == becomes(unanswered, where, "done")["made"]
    assert set(CROWD) == set(result(unanswered, where))


def test_who_is_erased_is_in_no_list_and_no_result(unanswered):
    crowd(unanswered)
    history = unanswered.engines.history
    where = begin(unanswered, "forgetful", {"users": CROWD})
    unanswered.eventually(lambda: len(published(unanswered, EMAIL_REQUESTS, set(CROWD))) == 4)
    gone = {"u00", "u11"}  # one is asked for already, one is not yet
    for user in gone:
        job = unanswered.delete(f"/v1/users/{user}").headers["Location"]
        unanswered.eventually(lambda job=job: unanswered.get(job).json["status"] == "done")
    assert not gone & set(history.find(CAMPAIGN_LISTS, "demo").items[0].body["users"])
    unanswered.begin_making()
    told = becomes(unanswered, where, "done")
    assert (10, {"erased": 2}) == (told["made"], told["reasons"])
    assert gone.isdisjoint(result(unanswered, where))
    job = unanswered.delete("/v1/users/u05").headers["Location"]
    unanswered.eventually(lambda: unanswered.get(job).json["status"] == "done")
    assert "u05" not in unanswered.get(f"{where}/result").text
    assert set(CROWD) - gone - {"u05"} | {""} == set(result(unanswered, where))
    assert [] == list(history.find(CAMPAIGN_OUTCOMES, "demo", {"user_id": "u05"}).items)


def test_a_single_request_is_answered_while_a_campaign_runs(served):
    crowd(served)
    where = begin(served, "crowd", {"users": CROWD})
    made = served.post("/v1/emails", {"user_id": "ann"})
    assert 201 == made.status_code
    assert 12 == becomes(served, where, "done")["made"]


def test_who_is_erased_while_a_campaign_rests_is_not_found_in_it(unanswered):
    crowd(unanswered)
    history = unanswered.engines.history
    where = begin(unanswered, "resting", {"users": CROWD})
    unanswered.eventually(lambda: len(published(unanswered, EMAIL_REQUESTS, set(CROWD))) == 4)
    steer(unanswered, where, "paused")
    unanswered.begin_making()
    becomes(unanswered, where, "paused")
    assert "u11" in str(history.get("campaigns", "demo", where.rpartition("/")[2]).body)
    job = unanswered.delete("/v1/users/u11").headers["Location"]
    unanswered.eventually(lambda: unanswered.get(job).json["status"] == "done")
    assert "u11" not in str(history.get("campaigns", "demo", where.rpartition("/")[2]).body)
    steer(unanswered, where, "running")
    assert 11 == becomes(unanswered, where, "done")["made"]
