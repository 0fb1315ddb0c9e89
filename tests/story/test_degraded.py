"""While the graph is away reads answer from copies or with popular products, say so, and never tell of the erased."""

from __future__ import annotations

import pytest
from story.conftest import Gateway

from shared.metrics import DEGRADED

READ = (
    "/v1/users/ann",
    "/v1/users/ann/interests",
    "/v1/users/ann/purchases",
    "/v1/users/ann/timeline",
    "/v1/users/ann/recommendations",
    "/v1/users/ann/similar",
    "/v1/products/tea",
    "/v1/products/tea/similar",
    "/v1/users",
    "/v1/graph/neighbourhood?id=ann",
    "/v1/trends?by=product&user_id=ann",
)
LABELS = ("degraded", "served_from", "as_of")


@pytest.fixture(scope="module")
def lost(tmp_path_factory):
    """A gateway that has answered, and has lost its graph since; with the answers that it gave."""
    one = Gateway(tmp_path_factory.mktemp("lost"))
    one.buy("ann", "milk", "bread", "tea")
    one.buy("bob", "bread", "tea", "apples")
    one.buy("cid", "bread", "milk")
    given = {path: one.get(path) for path in (*READ, "/v1/users/cid", "/v1/users/bob/recommendations")}
    assert {200} == {answer.status_code for answer in given.values()}
    one.engines.knowledge.close()
    yield one, given
    one.close()


@pytest.mark.parametrize("path", READ)
def test_a_read_is_answered_from_its_last_good_copy_and_says_so(lost, path):
    gateway, given = lost
    before = DEGRADED.labels("cache")._value.get()
    answer = gateway.get(path)

    assert 200 == answer.status_code
    assert given[path].json == {name: value for name, value in answer.json.items() if name not in LABELS}
    assert (True, "cache") == (answer.json["degraded"], answer.json["served_from"])
    assert answer.json["as_of"].startswith("20")
    assert 0 <= int(answer.headers["Age"]) < 300
    assert "degraded" not in given[path].json
    assert before + 1 == DEGRADED.labels("cache")._value.get()


def test_who_has_no_copy_is_offered_what_is_popular(lost):
    gateway, _ = lost
    answer = gateway.get("/v1/users/somebody/recommendations")

    assert 200 == answer.status_code
    assert (True, "popular") == (answer.json["degraded"], answer.json["served_from"])
    assert ("somebody", False) == (answer.json["user_id"], answer.json["known"])
    assert {"bread", "tea"} <= {offer["product_id"] for offer in answer.json["top"]}


def test_what_was_never_answered_is_unavailable_as_is_everything_to_another_shop(lost):
    gateway, _ = lost
    other = gateway.key("other")

    assert 503 == gateway.get("/v1/users/nobody").status_code
    assert {503} == {gateway.client.get(path, headers=other).status_code for path in READ if "trends" not in path}


def test_who_asked_to_be_forgotten_is_shown_from_no_copy_nor_are_lists_that_may_name_them(lost):
    gateway, _ = lost
    assert 200 == gateway.get("/v1/users/cid").status_code
    assert 202 == gateway.delete("/v1/users/cid").status_code

    assert 503 == gateway.get("/v1/users/cid").status_code
    assert 503 == gateway.get("/v1/users").status_code
    assert 503 == gateway.get("/v1/graph/neighbourhood?id=ann").status_code
    assert 200 == gateway.get("/v1/users/ann").status_code


def test_an_erasure_that_this_process_was_not_asked_for_is_seen_by_its_mark(lost):
    gateway, _ = lost
    assert "cache" == gateway.get("/v1/users/bob/recommendations").json["served_from"]
    gateway.engines.history.put("erasures", "demo", "bob", {"before": 1, "finished": 1})

    assert "popular" == gateway.get("/v1/users/bob/recommendations").json["served_from"]
