"""Users, products and the graph over HTTP, with the real services behind the real bus."""

import time

import pytest


def pages(served, path):
    """Follow a list to its end by its links; return each page's items."""
    while path:
        answer = served.get(path)
        assert 200 == answer.status_code, answer.json
        yield answer.json["items"]
        link = answer.headers.get("Link", "")
        assert bool(link) == bool(answer.json["next_page_token"])
        path = link.partition(">")[0].removeprefix("<")


def test_a_user_is_shown_with_what_they_bought(served):
    assert 3 == served.get("/v1/users/ann").json["products"]
    assert ["order-ann"] == [each["id"] for each in served.get("/v1/users/ann/purchases").json["items"]]
    for path in ("interests", "timeline", "recommendations", "similar"):
        assert 200 == served.get(f"/v1/users/ann/{path}").status_code, path


def test_a_purchase_changes_its_buyers_own_lists_within_two_seconds(served):
    before = served.get("/v1/users/fay/recommendations").json
    assert [] == before["buy_again"]
    served.buy("fay", "bread", "quince", id="o-fay")
    started = time.monotonic()
    served.eventually(lambda: len(served.get("/v1/users/fay/recommendations").json["buy_again"]) == 2)
    assert time.monotonic() - started < 2
    after = served.get("/v1/users/fay/recommendations").json
    assert {"bread", "quince"} == {item["product_id"] for item in after["buy_again"]}
    assert not {"bread", "quince"} & {item["product_id"] for item in after["discover"]}


def test_a_list_is_followed_by_its_links_and_ends(served):
    assert [["ann"], ["bob"]] == list(pages(served, "/v1/users?page_size=1"))[:2]
    served.post("/v1/users/ann/interests", {"name": "Tea", "interest_id": "i1"})
    served.eventually(lambda: len(served.get("/v1/users/ann/timeline").json["items"]) == 2)
    kinds = [[each["kind"] for each in items] for items in pages(served, "/v1/users/ann/timeline?page_size=1")]
    assert [["interest"], ["purchase"]] == kinds


def test_a_page_is_no_longer_than_the_most(served):
    assert 200 == served.get("/v1/users?page_size=1000000").status_code
    assert 422 == served.get("/v1/users?page_size=0").status_code


@pytest.mark.parametrize("path", ["/v1/users", "/v1/deadletters", "/v1/users/ann/timeline", "/v1/keys"])
def test_a_token_of_another_list_is_refused(served, path):
    token = served.get("/v1/users?page_size=1").json["next_page_token"]
    foreign = token if path != "/v1/users" else "bm9uZQ"
    answer = served.get(f"{path}?page_token={foreign}")
    assert (422, "application/problem+json") == (answer.status_code, answer.mimetype)


def test_an_id_with_a_slash_is_listed_and_reached(served):
    served.buy("house/7", "milk", id="o/7")
    assert "house/7" in served.get("/v1/users").json["items"]
    assert "house/7" == served.get("/v1/users/house%2F7").json["user_id"]
    found = served.get("/v1/users/house%2F7/timeline?page_size=1")
    assert ["o/7"] == [each["id"] for each in found.json["items"]]
    assert "house/7" == served.get("/v1/users/house%2F7/recommendations").json["user_id"]
    assert 404 == served.get("/v1/users/house/7").status_code


def test_an_unknown_user_gets_what_is_popular_and_is_told_so(served):
    answer = served.get("/v1/users/nobody/recommendations")
    assert (200, False) == (answer.status_code, answer.json["known"])
    assert served.get("/v1/users/ann/recommendations").json["known"]
    assert 404 == served.get("/v1/users/nobody").status_code


def test_a_moment_needs_its_zone(served):
    path = "/v1/users/ann/recommendations?at=2026-05-03T10:00:00"
    refused = served.get(path)
    assert (422, "/at") == (refused.status_code, refused.json["errors"][0]["pointer"])
    assert 200 == served.get(f"{path}Z").status_code
    assert 422 == served.get("/v1/trends?since=2026-05-03T10:00:00").status_code
    assert 200 == served.get("/v1/trends?since=2026-05-03").status_code


def test_a_parameter_that_does_not_exist_is_refused(served):
    refused = served.get("/v1/users?limt=5")
    assert (422, "/limt") == (refused.status_code, refused.json["errors"][0]["pointer"])


def test_products_trends_and_the_neighbourhood_are_shown(served):
    for path in (
        "/v1/products/tea",
        "/v1/products/tea/similar",
        "/v1/graph/neighbourhood?kind=user&id=ann",
        "/v1/trends?by=product&period=day",
    ):
        assert 200 == served.get(path).status_code, path
    assert 404 == served.get("/v1/products/none").status_code
    refused = served.get("/v1/trends?by=colour")
    assert (422, "/by") == (refused.status_code, refused.json["errors"][0]["pointer"])


def test_an_interest_told_here_reaches_the_graph(served):
    taken = served.post("/v1/users/ann/interests", {"name": "Cycling", "score": "0.9"})
    assert 202 == taken.status_code, taken.json
    names = lambda: [each["name"] for each in served.get("/v1/users/ann/interests").json["items"]]  # noqa: E731
    served.eventually(lambda: "Cycling" in names())


@pytest.mark.parametrize(("id", "path"), [(".", "%2E"), ("..", "%2e%2e"), ("..", "..")])
def test_an_id_that_no_path_can_hold_is_refused_wherever_it_comes_in(served, id, path):
    now = served.engines.clock.now().isoformat()
    line = {"product_id": "tea", "quantity": 1, "unit_price": "1"}
    order = {"purchase_id": "dots", "user_id": id, "purchased_at": now, "currency": "EUR", "lines": [line]}
    for route, body in (
        ("/v1/purchases", order),
        ("/v1/purchases", {**order, "user_id": "ann", "lines": [{**line, "product_id": id}]}),
        ("/v1/emails", {"user_id": id}),
        ("/v1/boards", {"user_id": id}),
    ):
        refused = served.post(route, body)
        assert (422, True) == (refused.status_code, "must not be . or .." in refused.text), route
    assert 404 == served.delete(f"/v1/users/{path}").status_code
    assert 404 == served.get(f"/v1/users/{path}/recommendations").status_code


def test_an_interest_of_another_user_than_the_path_says_is_refused(served):
    refused = served.post("/v1/users/ann/interests", {"name": "Cycling", "user_id": "bob"})
    assert (422, "/user_id") == (refused.status_code, refused.json["errors"][0]["pointer"])


def test_a_purchase_told_twice_with_other_content_shows_as_a_conflict(served):
    served.buy("cid", "milk", id="twice")
    served.buy("cid", "milk", "tea", id="twice")
    served.eventually(lambda: served.get("/v1/conflicts").json["items"] != [])
    (found,) = served.get("/v1/conflicts").json["items"]
    assert ("purchase", "twice") == (found["kind"], found["id"])
    assert (1, 2) == (len(found["stands"]["lines"]), len(found["quarantined"]["lines"]))
    assert [] == served.client.get("/v1/conflicts", headers=served.key("other")).json["items"]
