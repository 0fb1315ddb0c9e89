"""Analysts ask the graph over HTTP: what docs/graph.md shows is what is answered, and what is wrong is told clearly."""

import json
import re
from pathlib import Path

import pytest

EXAMPLES = re.findall(r"^```\nGET (\S+)\n(.*?)^```", Path("docs/graph.md").read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def asked(served):
    served.buy("cid", "bread", "wine")
    served.running[0].refresher.refresh("demo")
    return served


def holds(shown, answer):
    """Say whether an answer has all that is shown of it; a list may go on behind."""
    if isinstance(shown, dict):
        return all(name in answer and holds(value, answer[name]) for name, value in shown.items())
    if isinstance(shown, list):
        return len(answer) >= len(shown) and all(map(holds, shown, answer))
    return shown == answer


@pytest.mark.parametrize(("path", "shown"), EXAMPLES)
def test_the_examples_of_the_page_are_answered_as_shown(asked, path, shown):
    answer = asked.get(path)
    assert (200, True) == (answer.status_code, holds(json.loads(shown), answer.json)), answer.json


def test_there_is_an_example_of_each_question():
    assert {path.partition("?")[0].split("/")[-1] for path, _ in EXAMPLES} >= {
        *("similar", "communities", "neighbourhood", "path", "trends")
    }


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("communities/nothing", 404),
        ("communities/nothing/users", 404),
        ("communities/nothing/products", 404),
        ("communities?page_token=x", 422),
        ("trends?compare=next", 422),
        ("trends?page_token=WzEsIDFd", 422),
        ("users/ann/similar?page_token=x", 422),
        ("graph/path?id=ann&to_id=nobody", 404),
        ("graph/path?id=nobody&to_id=ann", 404),
        ("graph/path?id=ann&to_id=ann", 422),
        ("graph/path?id=ann", 422),
        ("graph/path?id=ann&to_id=bob&longest=7", 422),
        ("graph/path?id=ann&to_id=bob&longest=x", 422),
        ("graph/path?id=ann&to_id=bob&kinds=KNOWS", 422),
        ("graph/path?id=ann&to_id=bob&to_kind=shop", 422),
        ("graph/neighbourhood?id=nobody", 404),
        ("graph/neighbourhood?id=ann&depth=4", 422),
        ("graph/neighbourhood?id=ann&limit=301", 422),
        ("users/nobody/similar", 404),
        ("users/ann/similar?limit=51", 422),
        ("products/nothing/similar", 404),
    ],
)
def test_what_cannot_be_answered_is_refused_clearly(asked, path, status):
    answer = asked.get(f"/v1/{path}")
    assert (status, "application/problem+json") == (answer.status_code, answer.mimetype), answer.json


def everything(asked, path):
    """All items of a list, a page at a time, and how many pages that took."""
    items, answer = [], asked.get(path)
    for pages in range(1, 20):
        assert 200 == answer.status_code, answer.json
        items += answer.json["items"]
        if not answer.json["next_page_token"]:
            assert "Link" not in answer.headers
            return items, pages
        answer = asked.get(answer.headers["Link"].partition(">")[0].strip("<"))
    raise AssertionError("it never ends")


def test_long_lists_come_in_pages_that_together_are_the_whole(asked):
    [one] = asked.get("/v1/communities").json["items"]
    assert (["ann", "bob", "cid"], 2) == everything(asked, f"/v1/communities/{one['id']}/users?page_size=2")
    assert (one["products"], 1) == everything(asked, f"/v1/communities/{one['id']}/products")
    for path in ("users/cid/similar", "products/bread/similar"):
        items, pages = everything(asked, f"/v1/{path}?limit=1")
        assert (items, pages) == (everything(asked, f"/v1/{path}")[0], len(items))
    assert ["ann", "bob"] == sorted(each["id"] for each in everything(asked, "/v1/users/cid/similar?limit=1")[0])


def test_trends_go_back_in_time_a_page_at_a_time(asked):
    whole, _ = everything(asked, "/v1/trends?by=product&period=day")
    paged, pages = everything(asked, "/v1/trends?by=product&period=day&limit=2")
    assert (whole, 3) == (paged, pages)


def test_a_token_of_another_question_is_refused(asked):
    token = asked.get("/v1/trends?by=product&period=day&limit=2").json["next_page_token"]
    assert 200 == asked.get(f"/v1/trends?by=product&period=day&limit=3&page_token={token}").status_code
    assert 422 == asked.get(f"/v1/trends?by=total&period=day&limit=2&page_token={token}").status_code
    token = asked.get("/v1/users/ann/similar?limit=1").json["next_page_token"]
    assert 422 == asked.get(f"/v1/users/bob/similar?limit=1&page_token={token}").status_code
