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
    assert {path.partition("?")[0].split("/")[-1] for path, _ in EXAMPLES} >= {"similar", "neighbourhood", "path"}


@pytest.mark.parametrize(
    ("path", "status"),
    [
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
