"""The graph is verified, mended and made anew over HTTP: as jobs, for the shop's own admin, told to nobody else."""

from dataclasses import asdict

import pytest

from services.graph.compare import Difference, Report
from services.graph.working import summary

WORK = ("verify", "repair", "rebuild")


def worked(gateway, work, **headers):
    """Have a piece of work done; return its job's result."""
    begun = gateway.post(f"/v1/graph/{work}", None, **headers)
    assert 202 == begun.status_code, begun.json
    job = begun.headers["Location"]
    gateway.eventually(lambda: gateway.get(job, **headers).json["status"] != "pending")
    told = gateway.get(job, **headers).json
    assert ("done", "graph") == (told["status"], told["kind"]), told
    return told["result"]


def spoil(gateway, shop="demo"):
    """Take a user out of a shop's graph, whose ledger still knows them."""
    gateway.engines.knowledge.mend(shop, [], [("user", shop, "ann")])


@pytest.mark.parametrize("work", WORK)
def test_each_piece_of_work_ends_with_a_graph_that_equals_its_ledger(served, work):
    told = worked(served, work)
    assert told["equal"]
    assert told["ledger"] == told["graph"] != ""
    assert (0, []) == (told["difference_count"], told["differences"])


def test_what_was_lost_is_named_by_verify_and_mended_by_repair(served):
    spoil(served)
    lost = worked(served, "verify")
    assert not lost["equal"]
    assert any(each["row"] == "user/demo/ann" and each["graph"] is None for each in lost["differences"])
    assert worked(served, "repair")["equal"]
    assert 200 == served.get("/v1/users/ann").status_code


def test_the_trail_says_who_asked_and_tells_the_other_shops_only_that_it_happened(served):
    stranger = served.key("neighbour")
    event = {"user_id": "nell", "name": "Tea"}
    assert 202 == served.post("/v1/interests", event, **stranger).status_code
    served.eventually(lambda: served.get("/v1/users/nell", **stranger).status_code == 200)
    worked(served, "rebuild")
    own, theirs = (served.get("/v1/audit", **who).json["items"][0] for who in (served.admin, stranger))
    assert ("graph.rebuilt", "graph.rebuilt") == (own["action"], theirs["action"])
    assert own["actor"] in served.admin["Authorization"]
    assert ("graph service", "") == (theirs["actor"], theirs["target"])


def test_a_second_piece_of_work_waits_until_the_first_has_ended(served, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(served.engines.bus, "publish", lambda _: [])
        assert 202 == served.post("/v1/graph/verify", None, **served.key("slow")).status_code
    second = served.post("/v1/graph/rebuild", None, **served.key("slow"))
    assert (409, "/problems/conflict") == (second.status_code, second.json["type"])
    assert 202 == served.post("/v1/graph/verify", None).status_code, "another shop's work is its own"


def test_the_same_key_names_the_same_work(served):
    headers = {**served.key("twice"), "Idempotency-Key": "w1"}
    first, again = (served.client.post("/v1/graph/verify", headers=headers) for _ in range(2))
    assert (202, first.data) == (first.status_code, again.data)


@pytest.mark.parametrize("work", WORK)
def test_only_an_admin_may_have_it_done(served, work):
    reader = served.key("demo", "graph:read", "profiles:erase", "deadletters:replay")
    assert 403 == served.client.post(f"/v1/graph/{work}", headers=reader).status_code


def test_a_reply_tells_a_shop_of_its_own_rows_only():
    theirs, ours = Difference("other", "user/other/canary", "a", None), Difference("demo", "x" * 900, "b" * 900, None)
    report = Report({"demo": "1", "other": "2"}, {"demo": "1", "other": "3"}, (theirs, ours), 2, "file /secret is torn")
    told = summary(report, "demo")
    assert (False, True, "1", "1") == (told["equal"], told["damaged"], told["ledger"], told["graph"])
    assert [{**asdict(ours), "row": "x" * 500, "ledger": "b" * 500}] == [
        {"shop": "demo", **each} for each in told["differences"]
    ]
    assert not any(word in str(told) for word in ("canary", "secret", "other"))
